// What of a field is opaque: its surface at a level, the cells of labels that are not hidden, or a slice through it.
//
// LOOK_* says what is looked for, MODE how it is coloured (see reference/field_looks.py, which says how fields look). A ray
// goes on in steps of a part of a cell until it is in matter; from there the surface is looked for between the last
// two steps. SURFACE: bricks that are missing lie far from the surface, on the side that emptyRaw tells; of a density they
// hold nothing, of labels hidden ones.

#define MODE_COLOR 0
#define MODE_DEPTH 2
#define MODE_NORMAL 3
#define MODE_STEPS 4
#define LOOK_SURFACE 0
#define LOOK_LABELS 1
#define LOOK_SLICE 2
#define LOOK_LABEL_SLICE 3

#include "common/covering.glsl"

#ifdef FRAGMENT_SHADER
#include "common/field_maps.glsl"
#include "common/field_rays.glsl"
#ifdef WARP
#include "common/field_warp.glsl"
#endif
#include "common/field_bricks.glsl"
#include "common/field_places.glsl"
#ifdef STRAIN
#include "common/field_strain.glsl"
#endif

uniform float level;
uniform float side;              // 1: matter is above the level, −1: below
uniform float stride;            // cells between two steps
uniform float stepScale;         // share of the map's colours for one step, for MODE_STEPS
uniform bool isLit;              // whether the colour of the field is lit
uniform int sliceAxis;
uniform float sliceCell;         // where the slice crosses that axis, in cells
uniform vec2 colorSpan;          // of a surface: between which values bricks hold a colour
uniform float sliceScale;        // of the map of values, see field_looks.py
#ifdef SURFACE
uniform sampler3D emptyRaw;      // the raw value that stands for a brick that is missing: on which side it lies
uniform sampler3D farSamples;    // raw value and colour at the corners of a coarse lattice, for slices far from it
#endif
#if LOOK == LOOK_LABELS || LOOK == LOOK_LABEL_SLICE
#define LABELLED
uniform sampler2D labelKey;      // the colour of each label; alpha 0: hidden
uniform vec3 labelReach;         // cells to either side between which the slope of labels is taken
#endif

layout(location = 0) out vec4 picture;     // premultiplied
layout(location = 1) out float halfDepth;  // window depth of the point, 1: nowhere

const float NOTHING = -1e30;     // as far out of matter as can be
const int MOST_STEPS = 8192;
const int HALVINGS = 5;

#ifdef LABELLED
vec4 keyOf(float label) {
    return texelFetch(labelKey, ivec2(int(label + 0.5), 0), 0);
}
#endif

float rawAt(vec3 origin, vec3 local) {
#ifdef LABELLED
    return texelFetch(densities, ivec3(origin - 0.5 + floor(local + 0.5)), 0).r;
#else
    return textureLod(densities, (origin + local) * atlasTexel, 0.0).r;
#endif
}

// How far a place is in matter, positive inside, and the value there, of labels the index.
float depthOf(Place p, out float value) {
    value = 0.0;
    if (p.slot < 0) {
#ifdef SURFACE
        if (p.there) {
            value = shownOf(texelFetch(emptyRaw, p.brick, 0).r);
            return side * (value - level);
        }
#endif
        return NOTHING;
    }
    value = rawAt(p.origin, p.local);
#ifdef LABELLED
    return keyOf(value).a - 0.5;
#else
    value = shownOf(value);
    return side * (value - level);
#endif
}

float depthAt(Ray ray, float t) {
    float value;
    return depthOf(placeAt(ray, t), value);
}

// Between `outside` and `inside` of a ray, where matter begins.
float beginOf(Ray ray, float outside, float inside) {
    float before = NOTHING, behind = depthAt(ray, inside);
    for (int k = 0; k < HALVINGS; k++) {
        float between = 0.5 * (outside + inside), depth = depthAt(ray, between);
        if (depth > 0.0) {
            inside = between;
            behind = depth;
        } else {
            outside = between;
            before = depth;
        }
    }
#ifndef LABELLED
    if (before > NOTHING) return mix(outside, inside, clamp(before / (before - behind), 0.0, 1.0));
#endif
    return inside;
}

#ifdef LABELLED
float shows(vec3 rest) {
    Place p;
    float label;
    // Matter ends with the box, or the sides of it would have no normals.
    if (any(lessThan(rest, boxLow)) || any(greaterThan(rest, boxHigh))) return 0.0;
    p.rest = rest;
    findBrick(p);
    return depthOf(p, label) > 0.0 ? 1.0 : 0.0;
}
#else
bool rawBeside(vec3 rest, out float raw) {
    ivec3 last = textureSize(brickIndex, 0) - 1, brick = ivec3(floor(rest * (1.0 / BRICK)));
    raw = 0.0;
    if (any(lessThan(brick, ivec3(0))) || any(greaterThan(brick, last))) return false;
    int slot = texelFetch(brickIndex, brick, 0).r;
    if (slot < 0) return false;
    raw = rawAt(slotOrigin(slot), rest - vec3(brick) * BRICK);
    return true;
}
#endif

// The unit normal in the world, out of matter; `d` is where the ray goes.
vec3 normalOut(Place p, vec3 d) {
    vec3 g;
#ifdef LABELLED
    // Seen from a little outside: on a face both sides along it are alike then.
    vec3 outside = p.rest - 0.025 * normalize(d);
    for (int axis = 0; axis < 3; axis++) {
        vec3 beside = vec3(0.0);
        beside[axis] = labelReach[axis];
        g[axis] = (shows(outside + beside) - shows(outside - beside)) / labelReach[axis];
    }
#else
    if (p.slot < 0) return vec3(0.0);
    g = gradientAt(p.origin, p.local);
    // Near the border of a brick the next one is asked too, or the border would be seen.
    for (int axis = 0; axis < 3; axis++) {
        vec3 beside = vec3(0.0);
        beside[axis] = 1.0;
        float before, after;
        if (abs(p.local[axis] - 0.5 * BRICK) > 0.5 * BRICK - 1.0
            && rawBeside(p.rest - beside, before) && rawBeside(p.rest + beside, after)) g[axis] = 0.5 * (after - before);
    }
    g *= side * sign(shownTerms.y);
#endif
    return normalOf(g, p.voxel);
}

// The colour of an opaque point.
vec3 colorOf(Place p, float value, Ray ray, float t) {
#if MODE == MODE_DEPTH
    return depthColor(t);
#else
    vec3 normal = normalOut(p, ray.d);
#if MODE == MODE_NORMAL
    return normal * 0.5 + 0.5;
#else
    vec3 toEye = normalize(cellToWorld * -ray.d);
#ifdef LABELLED
    return keyOf(value).rgb * (0.4 + 0.6 * abs(dot(normal, toEye)));
#elif defined(COLORED)
    if (p.slot >= 0) {
        vec3 color = fieldColor(p.origin, p.local, p.voxel, ray.d);
        return isLit ? color * (0.4 + 0.6 * abs(dot(normal, toEye))) : color;
    }
    return litFromEye(normal, toEye);
#else
    return litFromEye(normal, toEye);
#endif
#endif
#endif
}

#if LOOK == LOOK_SLICE || LOOK == LOOK_LABEL_SLICE
// The colour of a place in a slice; alpha 0: nothing.
vec4 sliceColor(Place p, Ray ray) {
    float value, depth = depthOf(p, value);
#ifdef LABELLED
    return depth > 0.0 ? vec4(keyOf(value).rgb, 1.0) : vec4(0.0);
#else
#ifdef SURFACE
    vec3 corners = vec3(textureSize(farSamples, 0)), cells = BRICK * vec3(textureSize(brickIndex, 0));
    vec4 far = textureLod(farSamples, (p.rest / cells * (corners - 1.0) + 0.5) / corners, 0.0);
    if (p.slot < 0) value = shownOf(far.r);
#ifdef COLORED
    if (depth > 0.0 && (p.slot < 0 || value < colorSpan.x || value > colorSpan.y))
        return vec4(activatedColor(far.gba), 1.0);
#endif
#endif
#ifdef COLORED
    if (depth > 0.0 && p.slot >= 0) return vec4(fieldColor(p.origin, p.local, p.voxel, ray.d), 1.0);
#endif
#ifdef SURFACE
    float away = value - level;
    return vec4(viridis(0.5 + 0.5 * away / (abs(away) + sliceScale)), 1.0);
#else
    return vec4(viridis(log2(1.0 + max(value, 0.0) * sliceScale) * 0.1), 1.0);
#endif
#endif
}

void main() {
    picture = vec4(0.0);
    halfDepth = 1.0;
    Ray ray;
    if (!crosses(ray)) return;
    float t = (sliceCell - ray.o[sliceAxis]) / ray.d[sliceAxis], reach = 1e-4 * (ray.to - ray.from);
    if (!(t >= ray.from - reach && t <= ray.to + reach) || t > ray.limit) return;
    Place p = placeAt(ray, clamp(t, ray.from, ray.to));
#ifdef WARP
    if (!p.there) return;
#endif
    picture = sliceColor(p, ray);
    if (picture.a > 0.0) halfDepth = windowDepth(t);
}
#else
void main() {
    picture = vec4(0.0);
    halfDepth = 1.0;
    Ray ray;
    if (!crosses(ray)) return;
    float pace = stride / length(ray.d), end = min(ray.to, ray.limit), t = ray.from, before = t, taken = 0.0, value;
    if (t > end) return;
    bool met = false;
    for (int k = 0; k < MOST_STEPS; k++) {
        Place p = placeAt(ray, t);
        if (p.slot >= 0) taken += 1.0;
        met = depthOf(p, value) > 0.0;
        if (met || t >= end) break;
        before = t;
        t = min(max(p.skip, t + pace), end);
    }
#if MODE == MODE_STEPS
    if (taken > 0.0) picture = vec4(viridis(taken * stepScale), 1.0);
#endif
    if (!met) return;
    if (t > ray.from) t = beginOf(ray, max(before, t - pace), t);
    halfDepth = windowDepth(t);
#if MODE != MODE_STEPS
    Place p = placeAt(ray, t);
    depthOf(p, value);
    vec3 color = colorOf(p, value, ray, t);
#ifdef STRAIN
    color = strained(color, textureLod(strainMap, p.rest * strainScale + strainOffset, 0.0).rg);
#endif
    picture = vec4(color, 1.0);
#endif
}
#endif
#endif
