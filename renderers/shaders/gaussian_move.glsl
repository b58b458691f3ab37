// Where a warp moves splats and how far it stretches them, captured by transform feedback: what ordering has to know.

#ifdef VERTEX_SHADER
#include "common/splat_texels.glsl"

uniform vec3 centre;   // what the nodes move lies relative to it

out vec4 place;        // in the asset's frame; at least by how much the largest axis grows

void main() {
    int chunk = gl_VertexID / splatsPerChunk, index = gl_VertexID - chunk * splatsPerChunk;
    uvec4 binding[INFLUENCES / 4];
    fetchBinding(chunk, index, binding);
    Skin skin = skinOf(binding);
    mat3 gradient = gradientOf(skin);
    // No singular value of J is larger than the root of the largest row sum of JᵀJ; a rotation has exactly 1.
    mat3 square = transpose(gradient) * gradient;
    vec3 sums = abs(square[0]) + abs(square[1]) + abs(square[2]);
    place = vec4(centre + moved(skin, shapeNumbers(chunk, index, 0).xyz - centre), sqrt(max(sums.x, max(sums.y, sums.z))));
}
#endif
