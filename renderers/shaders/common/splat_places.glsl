// Where a splat is, in the asset's frame, and by how much at least its largest axis grows: under a warp, elsewhere 1.
// After common/splat_texels.glsl.

#ifdef WARP
uniform vec3 centre;   // what the nodes move lies relative to it
#endif

vec4 placeOf(int chunk, int index) {
    vec3 mean = shapeNumbers(chunk, index, 0).xyz;
#ifdef WARP
    uvec4 binding[INFLUENCES / 4];
    fetchBinding(chunk, index, binding);
    Skin skin = skinOf(binding);
    mat3 gradient = gradientOf(skin);
    // No singular value of J is larger than the root of the largest row sum of JᵀJ; a rotation has exactly 1.
    mat3 square = transpose(gradient) * gradient;
    vec3 sums = abs(square[0]) + abs(square[1]) + abs(square[2]);
    return vec4(centre + moved(skin, mean - centre), sqrt(max(sums.x, max(sums.y, sums.z))));
#else
    return vec4(mean, 1.0);
#endif
}
