// How textures hold splats: a row has SPLATS_PER_ROW of them, SHAPE_TEXELS, COLOR_TEXELS or BINDING_TEXELS each, and
// CHUNKS textures hold them all.

uniform usampler2D shapes[CHUNKS];  // bits of floats: mean, packed | quaternion w x y z | sizes, packed
uniform usampler2D colors[CHUNKS];  // a word for each coefficient
uniform int splatsPerChunk;

ivec2 texelPlace(int index, int texels, int offset) {
    return ivec2((index % SPLATS_PER_ROW) * texels + offset, index / SPLATS_PER_ROW);
}

// GLSL 4.1 has no index into an array of samplers that differs between vertices.
uvec4 shapeTexel(int chunk, int index, int offset) {
    ivec2 place = texelPlace(index, SHAPE_TEXELS, offset);
#if CHUNKS > 1
    if (chunk == 1) return texelFetch(shapes[1], place, 0);
#endif
#if CHUNKS > 2
    if (chunk == 2) return texelFetch(shapes[2], place, 0);
#endif
#if CHUNKS > 3
    if (chunk == 3) return texelFetch(shapes[3], place, 0);
#endif
    return texelFetch(shapes[0], place, 0);
}

uvec4 colorTexel(int chunk, int index, int offset) {
    ivec2 place = texelPlace(index, COLOR_TEXELS, offset);
#if CHUNKS > 1
    if (chunk == 1) return texelFetch(colors[1], place, 0);
#endif
#if CHUNKS > 2
    if (chunk == 2) return texelFetch(colors[2], place, 0);
#endif
#if CHUNKS > 3
    if (chunk == 3) return texelFetch(colors[3], place, 0);
#endif
    return texelFetch(colors[0], place, 0);
}

// The numbers of whole texels are floats; the last words of the first and the third one hold shorter numbers, as
// splats/packing.py says.
vec4 shapeNumbers(int chunk, int index, int offset) {
    return uintBitsToFloat(shapeTexel(chunk, index, offset));
}

vec2 signed16(uint word) {
    return vec2(int(word << 16) >> 16, int(word) >> 16) / 32767.0;
}

float opacityOf(uvec4 first) {
    return float(first.w >> 16) / 65535.0;
}

// What a splat's coefficients have to be multiplied with: of band 0, and of all others.
vec2 coefficientScales(uvec4 third) {
    return uintBitsToFloat(uvec2(third.w << 16, third.w & 0xffff0000u));
}

// Coefficient 0 (r, g, b), given the word that the colour texture holds for it.
vec3 lowestCoefficient(uvec4 first, uvec4 third, uint word) {
    return vec3(signed16(word), signed16(first.w).x) * coefficientScales(third).x;
}

// Any other coefficient, as a share of the splat's scale: 11, 11 and 10 bits.
vec3 coefficient(uint word) {
    return vec3(int(word << 21) >> 21, int(word << 10) >> 21, int(word) >> 22) / vec3(1023.0, 1023.0, 511.0);
}

#ifdef WARP
#include "common/warp.glsl"

uniform usampler2D bindings[CHUNKS];

uvec4 bindingTexel(int chunk, int index, int offset) {
    ivec2 place = texelPlace(index, BINDING_TEXELS, offset);
#if CHUNKS > 1
    if (chunk == 1) return texelFetch(bindings[1], place, 0);
#endif
#if CHUNKS > 2
    if (chunk == 2) return texelFetch(bindings[2], place, 0);
#endif
#if CHUNKS > 3
    if (chunk == 3) return texelFetch(bindings[3], place, 0);
#endif
    return texelFetch(bindings[0], place, 0);
}

void fetchBinding(int chunk, int index, out uvec4 binding[INFLUENCES / 4]) {
    for (int k = 0; k < INFLUENCES / 4; ++k) binding[k] = bindingTexel(chunk, index, k);
}
#endif
