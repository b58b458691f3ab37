// Where a warp moves splats and how far it stretches them, captured by transform feedback: what ordering has to know.

#ifdef VERTEX_SHADER
#include "common/splat_texels.glsl"
#include "common/splat_places.glsl"

out vec4 place;

void main() {
    int chunk = gl_VertexID / splatsPerChunk;
    place = placeOf(chunk, gl_VertexID - chunk * splatsPerChunk);
}
#endif
