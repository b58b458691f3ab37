// Draws projected surfels: for each pixel, where its ray meets the surfel's plane, and how faint the surfel is there.
//
// With rows u, v of `across` and w of `tilt`, the ray through the pixel (x, y) from the centre meets the plane at
// (p.x, p.y) / p.z with p = (x·(w,1) − (u,0)) × (y·(w,1) − (v,0)), linear in the pixel (Huang et al. 2024, eq. 10). No
// surfel is thinner than a screen Gaussian of σ = √½ px.
//
// What RINGS and OVERDRAW make of it: common/splat_alpha.glsl. DEPTHS: colours are depths of centres
// and how they grow along both axes.

#ifdef VERTEX_SHADER
#include "common/splat_outline.glsl"

layout(location = 0) in vec4 place;
layout(location = 1) in vec4 across;
layout(location = 2) in vec4 tilt;
layout(location = 3) in vec4 tint;

uniform vec2 viewport;

out vec3 hit;         // p
out vec2 off;         // pixels from the centre of the low-pass filter
flat out float front; // p.z of what lies before the viewer has its sign
flat out vec4 color;

void main() {
    vec3 u = vec3(across.xy, 0.0), v = vec3(across.zw, 0.0), w = vec3(tilt.xy, 0.0);
    Outline shown = outlineOf(u, v, w, place.w);
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
    // A σ of √½ reaches less far than place.w pixels.
    vec2 low = min(shown.low, tilt.zw - 0.71 * place.w), high = max(shown.high, tilt.zw + 0.71 * place.w);
    vec2 pixel = mix(low, high, corner);
    if (!shown.bounded) pixel = 0.5 * viewport * (2.0 * corner - 1.0 - place.xy);
    if (tint.a == 0.0) pixel = vec2(0.0);
    front = u.x * v.y - u.y * v.x;
    hit = vec3(pixel.x * v.y - pixel.y * u.y, pixel.y * u.x - pixel.x * v.x,
               front + pixel.x * (w.y * v.x - w.x * v.y) + pixel.y * (w.x * u.y - w.y * u.x));
    off = pixel - tilt.zw;
    color = tint;
    gl_Position = vec4(place.xy + pixel * 2.0 / viewport, place.z, 1.0);
}
#endif

#ifdef FRAGMENT_SHADER
#include "common/splat_alpha.glsl"
#include "common/depth_color.glsl"

in vec3 hit;
in vec2 off;
flat in float front;
flat in vec4 color;
out vec4 fragment;

void main() {
    vec2 t = hit.xy / hit.z;
    float square = hit.z * front > 0.0 ? dot(t, t) : 3e38, screen = 2.0 * dot(off, off);
    vec4 seen = color;
#ifdef DEPTHS
    seen.rgb = depthColor(color.r + (square <= screen ? dot(color.gb, t) : 0.0));
#endif
    fragment = splatFragment(seen, min(square, screen));
}
#endif
