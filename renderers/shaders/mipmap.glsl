// Halves one level of a texture into the next. The sampler and the target convert sRGB, so the average is of light.

#include "common/covering.glsl"

#ifdef FRAGMENT_SHADER
uniform sampler2D level;
uniform vec2 size;  // of the target

out vec4 color;

void main() {
    color = textureLod(level, gl_FragCoord.xy / size, 0.0);
}
#endif
