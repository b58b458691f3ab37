// Points as round discs of a fixed size on the screen. WARP: they follow the nodes of a warp; STRAIN: and show how much.

#define SOFT 1.25  // how much wider the square is than the disc, for its soft edge

#ifdef VERTEX_SHADER
layout(location = 0) in vec3 position;
layout(location = 1) in vec4 color;

#ifdef WARP
#include "common/warp.glsl"
layout(location = BINDING_LOCATION) in uvec4 binding[INFLUENCES / 4];

uniform vec3 centre;      // what the nodes move lies relative to it, and modelView leads on from there
#endif
#ifdef STRAIN
#include "common/strain.glsl"
#endif

uniform mat4 modelView;
uniform mat4 projection;
uniform float sizePx;
uniform bool byDepth;
uniform vec2 depthRange;  // nearest and farthest distance that is shown

out vec4 pointColor;

void main() {
    vec3 place = position;
#ifdef WARP
    place = moved(skinOf(binding), position - centre);
#endif
    vec4 p = modelView * vec4(place, 1.0);
    gl_Position = projection * p;
    gl_PointSize = sizePx + SOFT;
    pointColor = color;
    if (byDepth) {
        float t = (-p.z - depthRange.x) / max(depthRange.y - depthRange.x, 1e-30);
        pointColor = vec4(vec3(mix(0.95, 0.08, clamp(t, 0.0, 1.0))), 1.0);
    }
#ifdef STRAIN
    pointColor.rgb = strained(pointColor.rgb, strainOf(binding));
#endif
}
#endif

#ifdef FRAGMENT_SHADER
uniform float sizePx;

in vec4 pointColor;
out vec4 fragment;

void main() {
    float away = length(gl_PointCoord - 0.5) * (sizePx + SOFT);
    float coverage = clamp(0.5 * (sizePx + SOFT) - away, 0.0, 1.0);
    // Less than half covered would write depth where there is hardly a point. What that takes from the disc, an
    // eighth of a pixel all round, it has been made wider by.
    if (coverage < 0.5) discard;
    float alpha = coverage * pointColor.a;
    fragment = vec4(pointColor.rgb * alpha, alpha);
}
#endif
