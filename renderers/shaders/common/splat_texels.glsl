// How textures hold splats: a row has SPLATS_PER_ROW of them, SHAPE_TEXELS, COLOR_TEXELS or BINDING_TEXELS each, and
// CHUNKS textures hold them all.

uniform sampler2D shapes[CHUNKS];  // mean, opacity | quaternion w x y z | sizes, 0
uniform sampler2D colors[CHUNKS];  // coefficients, r g b after each other
uniform int splatsPerChunk;

ivec2 texelPlace(int index, int texels, int offset) {
    return ivec2((index % SPLATS_PER_ROW) * texels + offset, index / SPLATS_PER_ROW);
}

// GLSL 4.1 has no index into an array of samplers that differs between vertices.
vec4 shapeTexel(int chunk, int index, int offset) {
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

vec4 colorTexel(int chunk, int index, int offset) {
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
