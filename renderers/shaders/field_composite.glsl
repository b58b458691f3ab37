// Lays the picture of a field into the frame: colour in one pass, the depth where it covers half in another
// (DEPTH_PASS), since colour in front of an opaque surface must be blended where no depth is written. The picture may
// be smaller than the frame; its colour is then interpolated.

#include "common/covering.glsl"

#ifdef FRAGMENT_SHADER
uniform sampler2D source;   // the picture; with DEPTH_PASS the window depth of the field, 1 where it has none
uniform vec2 scale;         // pixels of the picture per pixel of the frame
uniform vec4 region;        // centres of the first and the last pixel that are drawn of the picture

#ifdef DEPTH_PASS
void main() {
    float depth = texelFetch(source, ivec2(clamp(gl_FragCoord.xy * scale, region.xy, region.zw)), 0).r;
    if (depth >= 1.0) discard;
    gl_FragDepth = depth;
}
#else
out vec4 color;

void main() {
    vec2 place = clamp(gl_FragCoord.xy * scale, region.xy, region.zw);
    color = textureLod(source, place / vec2(textureSize(source, 0)), 0.0);
}
#endif
#endif
