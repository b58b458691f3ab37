// What marches through the density of a field have in common: numbers of the family's rule, and where bins lie on a ray.
// MODE is one of MODE_*. Comes after field_rays, field_warp (with WARP), field_bricks and
// field_places.

#define MODE_COLOR 0
#define MODE_DENSITY 1
#define MODE_DEPTH 2
#define MODE_NORMAL 3
#define MODE_STEPS 4

#ifdef WARP
uniform float leastChord;        // shortest side of the family's box, in the asset's units
#endif
#ifdef STRAIN
#include "common/field_strain.glsl"
#endif

uniform float densityScale;      // the factor that the user sets and the family's, times the normalised step
uniform bool normalisedStep;
uniform float lastStep;          // the length that counts for a last sample, where the ray leaves the box; −1: that of a bin
uniform float lastBehind;        // where it lies behind the box, as a share of the way through it
uniform float faintest;          // optical depth of a bin below which it is empty
uniform float lightest;          // weight up to which a sample's colour is left out
uniform float stepScale;         // share of the map's colours for one step, for MODE_STEPS

layout(location = 0) out vec4 picture;   // premultiplied
layout(location = 1) out float halfDepth;  // window depth where half is covered, 1: nowhere

const float ENOUGH = 1e-3;       // transmittance at which a ray ends
const float HALF = 0.6931472;    // optical depth of one half
const float NOWHERE = -1e30;
const float VISIBLE = 0.025;     // optical depth from which a sample counts, if all of a ray were like it
const float THIN = 0.002;        // optical depth of a bin from which a family looks closer

// How a ray is cut: from t0 to t1 as the family does, into `inner` bins of `length`, and before and behind that into bins
// of `outer`. Bins are counted from t0 on, whole numbers where they begin.
struct Bins { float t0; float t1; float length; float outer; float inner; float perLength; float perOuter; };

Bins even(float t, float length) {
    return Bins(t, t, length, length, 0.0, 1.0 / length, 1.0 / length);
}

Bins binsOf(Ray ray) {
    if (lattice.y > 0.0) {
        float perUnit = 1.0 / (lattice.z > 0.0 ? lattice.z : ray.speed);
        return even(lattice.x * perUnit - middle, lattice.y * perUnit);
    }
    float inner = (ray.t1 - ray.t0) / intervals, before = phase * inner;
#ifdef WARP
    // Rays that graze the family's box, or miss it, take its shortest side for the chord beside it.
    float outer = max(ray.t1 - ray.t0, leastChord / ray.speed) / intervals;
    if (ray.t1 <= ray.t0) return even(clamp(0.5 * (ray.t0 + ray.t1), ray.from, ray.to), outer);
#else
    float outer = inner;
#endif
    return Bins(ray.t0 - before, ray.t1 - before, inner, outer, intervals, 1.0 / inner, 1.0 / outer);
}

float tOf(Bins b, float index) {
    return b.t0 + (min(index, 0.0) + max(index - b.inner, 0.0)) * b.outer + clamp(index, 0.0, b.inner) * b.length;
}

float indexOf(Bins b, float t) {
    float outside = min(t - b.t0, 0.0) + max(t - b.t1, 0.0);
    return outside * b.perOuter + clamp((t - b.t0) * b.perLength, 0.0, b.inner);
}

#if MODE == MODE_COLOR && defined(COLORED)
#define SHOWS_SAMPLES            // each sample has a colour; else what shows is where half is covered
#endif

#ifdef STRAIN
vec3 strainedAt(vec3 rest, vec3 color) {
    return strained(color, textureLod(strainMap, rest * strainScale + strainOffset, 0.0).rg);
}
#else
#define strainedAt(rest, color) (color)
#endif

// The colour of the place where half is covered, or, where it never is, of nowhere.
vec3 halfColor(Ray ray, float t, bool somewhere) {
    vec3 normal = vec3(0.0);
    Place p = placeAt(ray, t);
    if (somewhere && p.slot >= 0) normal = normalAt(p.origin, p.local, p.voxel);
#if MODE == MODE_NORMAL
    vec3 color = normal * 0.5 + 0.5;
#else
    vec3 color = litFromEye(normal, normalize(cellToWorld * -ray.d));
#endif
    return strainedAt(p.rest, color);
}

