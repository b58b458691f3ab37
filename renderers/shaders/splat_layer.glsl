// Lays a band of a finished picture of splats over what is there, pixel by pixel.

#include "common/covering.glsl"

#ifdef FRAGMENT_SHADER
uniform sampler2D planes;  // red, green, blue, and the light that passes, above each other
uniform int height;        // of each
uniform int bottom;        // row of the target at which the band begins

out vec4 fragment;

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy) - ivec2(0, bottom);
    for (int plane = 0; plane < 4; ++plane) {
        fragment[plane] = texelFetch(planes, pixel + ivec2(0, plane * height), 0).r;
    }
    fragment.a = 1.0 - fragment.a;
}
#endif
