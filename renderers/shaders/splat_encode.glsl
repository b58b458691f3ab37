// Lays a layer of splats that were blended in linear light over the picture, as sRGB. Both are premultiplied.

#include "common/covering.glsl"

#ifdef FRAGMENT_SHADER
#include "common/color.glsl"

uniform sampler2D layer;

out vec4 color;

void main() {
    vec4 light = texelFetch(layer, ivec2(gl_FragCoord.xy), 0);
    if (light.a <= 0.0) discard;
    color = vec4(linearToSrgb(light.rgb / light.a) * light.a, light.a);
}
#endif
