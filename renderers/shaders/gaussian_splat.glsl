// Draws projected splats: each is a piece of picture around its ellipse, blended over what is behind it.
//
// What DOTS, RINGS and OVERDRAW make of it: common/splat_alpha.glsl. splats/tile_code.py paints the same without them.

#ifdef VERTEX_SHADER
layout(location = 0) in vec4 place;
layout(location = 1) in vec4 axes;
layout(location = 2) in vec4 tint;

out vec2 position;     // in σ
flat out vec4 color;

void main() {
    color = tint;
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0 - 1.0;
    position = corner * place.w;
    gl_Position = vec4(place.xy + corner.x * axes.xy + corner.y * axes.zw, place.z, 1.0);
}
#endif

#ifdef FRAGMENT_SHADER
#include "common/splat_alpha.glsl"

in vec2 position;
flat in vec4 color;
out vec4 fragment;

void main() {
    fragment = splatFragment(color, dot(position, position));
}
#endif
