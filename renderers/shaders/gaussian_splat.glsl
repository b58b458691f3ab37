// Draws projected splats: each is a piece of picture around its ellipse, blended over what is behind it.
//
// POINTS: as a square around the ellipse, for small round splats (splats/points.py). What DOTS, RINGS and OVERDRAW make
// of it: common/splat_alpha.glsl.

#ifdef VERTEX_SHADER
layout(location = 0) in vec4 place;
layout(location = 1) in vec4 axes;
layout(location = 2) in vec4 tint;

#ifdef POINTS
uniform vec2 viewport;

flat out vec4 across;  // σ along both axes for a step over the whole square, to the right and downwards
#else
out vec2 position;     // in σ
#endif
flat out vec4 color;

void main() {
    color = tint;
#ifdef POINTS
    vec2 major = 0.5 * axes.xy * viewport, minor = 0.5 * axes.zw * viewport;
    vec2 squares = vec2(dot(major, major), dot(minor, minor));
    vec2 reach = sqrt(major * major + minor * minor);
    float side = 2.0 * max(reach.x, reach.y);
    vec2 scale = side * place.w / max(squares, 1e-30);
    across = vec4(major * scale.x, minor * scale.y) * vec4(1.0, -1.0, 1.0, -1.0);
    gl_PointSize = side;
    gl_Position = vec4(place.xyz, 1.0);
#else
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0 - 1.0;
    position = corner * place.w;
    gl_Position = vec4(place.xy + corner.x * axes.xy + corner.y * axes.zw, place.z, 1.0);
#endif
}
#endif

#ifdef FRAGMENT_SHADER
#include "common/splat_alpha.glsl"

#ifdef POINTS
flat in vec4 across;
#else
in vec2 position;
#endif
flat in vec4 color;
out vec4 fragment;

void main() {
#ifdef POINTS
    vec2 off = gl_PointCoord - 0.5;
    vec2 position = vec2(dot(across.xy, off), dot(across.zw, off));
#endif
    fragment = splatFragment(color, dot(position, position));
}
#endif
