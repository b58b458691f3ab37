// The ray of a pixel through the grid of a field, and what of it is looked at.
//
// Rays are given in cells of the grid and parametrised by the distance along the viewing axis, t, counted from the depth
// of the box's middle: then one affine function of the pixel serves perspective and parallel rays, and a camera far away
// costs no precision.
//
// With BEYOND the family looks between two distances, also out of the box, where the field is as at its border: bricks
// reach as far as it still changes.

uniform sampler2D opaqueDepth;
uniform vec2 pixelScale;         // pixels of the frame per pixel of this picture
uniform mat3 originOf;           // (x, y, 1) of the frame, y upwards → where the ray crosses the middle, in cells
uniform mat3 directionOf;        // (x, y, 1) → change of that per unit of depth
uniform vec3 cellSize;           // in the asset's units
uniform vec3 boxLow;             // what the family marches through, in cells
uniform vec3 boxHigh;
uniform float middle;            // depth of the box's middle
uniform vec4 depthRow;           // clip z and w as functions of depth: z = x · depth + y, w = z · depth + w
uniform float nearest;           // least distance from the eye, in the asset's units; −1: none
uniform float minChord;
uniform vec2 depthRange;         // nearest and farthest depth of the box, for MODE_DEPTH
uniform vec3 lattice;            // where bins lie without a box: begin of one, length of all, in the asset's units along
                                 // the ray or, where z > 0, along the viewing axis, of which z are a unit of depth; y 0: box
uniform float intervals;         // bins of a ray that crosses the box, or of the way between two distances
uniform float phase;             // share of a bin by which the first one begins in front of that
#ifdef WARP
uniform vec3 warpLow;            // the box of the map, in cells
uniform vec3 warpHigh;
#endif

// o + t · d; t0 … t1 is the family's box, from … to what may hold matter: the box, or that of the warp. speed: the length
// of d in the asset's units. limit: where something opaque lies.
struct Ray { vec3 o; vec3 d; float t0; float t1; float from; float to; float speed; float limit; };

float windowDepth(float t) {
    float depth = t + middle;
    return clamp(0.5 + 0.5 * (depthRow.x * depth + depthRow.y) / (depthRow.z * depth + depthRow.w), 0.0, 1.0);
}

float limitOf(float stored) {
    if (stored >= 1.0) return 1e30;
    float ndc = stored * 2.0 - 1.0;
    return (depthRow.y - ndc * depthRow.w) / (ndc * depthRow.z - depthRow.x) - middle;
}

vec2 crossing(vec3 o, vec3 d, vec3 low, vec3 high) {
    vec3 a = (low - o) / d, b = (high - o) / d, enter = min(a, b), leave = max(a, b);
    return vec2(max(enter.x, max(enter.y, enter.z)), min(leave.x, min(leave.y, leave.z)));
}

// Grey by depth.
vec3 depthColor(float t) {
    float share = (t + middle - depthRange.x) / max(depthRange.y - depthRange.x, 1e-30);
    return vec3(mix(0.95, 0.08, clamp(share, 0.0, 1.0)));
}

// The ray of this pixel, and whether it crosses enough of what may hold matter.
bool crosses(out Ray ray) {
    vec2 pixel = gl_FragCoord.xy * pixelScale;
    ray.limit = limitOf(texelFetch(opaqueDepth, ivec2(pixel), 0).r);
    ray.o = originOf * vec3(pixel, 1.0);
    vec3 d = directionOf * vec3(pixel, 1.0);
    ray.d = mix(d, vec3(1e-12), lessThan(abs(d), vec3(1e-12)));
    ray.speed = length(ray.d * cellSize);
    float nearT = nearest >= 0.0 ? nearest / ray.speed - middle : -1e30;
    vec2 box = crossing(ray.o, ray.d, boxLow, boxHigh);
    ray.t0 = max(box.x, nearT);
    ray.t1 = box.y;
#ifdef WARP
    vec2 bent = crossing(ray.o, ray.d, warpLow, warpHigh);
    ray.from = max(bent.x, nearT);
    ray.to = bent.y;
#else
    ray.from = ray.t0;
    ray.to = ray.t1;
#ifdef BEYOND
    // From the first sample to the last one; bins are chosen by their middles.
    float perUnit = 1.0 / (lattice.z > 0.0 ? lattice.z : ray.speed);
    vec2 looked = (lattice.x + lattice.y * vec2(0.5 * phase, intervals + 2.0 * phase)) * perUnit - middle;
    bool hits = ray.t1 > ray.t0;
    ray.from = max(nearT, hits ? min(ray.t0, looked.x) : looked.x);
    ray.to = hits ? max(ray.t1, looked.y) : looked.y;
#endif
#endif
    return ray.to > ray.from && (ray.to - ray.from) * ray.speed > minChord;
}
