// Marches the rays of a density as a family does that looks twice and leaves out what is faint: its own samples, one by
// one. For what counts as faint hangs on how close samples lie, so that the picture is not the integral.
//
// The first time a ray's samples lie in the middle of bins. The second time `again` more are put where the first had
// weight: at equal steps of the sum of the weights, each spread over its bin (Mildenhall et al. 2020, NeRF, 5.2). Both
// count, each up to the next one. MODE and the rest are as in triplane_march.glsl.

#include "common/covering.glsl"

#ifdef FRAGMENT_SHADER
#include "common/field_maps.glsl"
#include "common/field_rays.glsl"
#ifdef WARP
#include "common/field_warp.glsl"
#endif
#include "common/field_bricks.glsl"
#include "common/field_places.glsl"
#include "common/field_march.glsl"

uniform float firstSamples;      // of the family, the first time
uniform float again;             // and the second time

const float LEAST = 1e-5;        // weight that each bin has at least when the second samples are placed
const float MET = 1e-4;          // sum of weights from which a ray has met something

Ray ray;
float through = 1.0, halfT = NOWHERE, sum = 0.0, taken = 0.0;
vec3 color = vec3(0.0);

// The sample that waits for the next one, to know how long it is.
Place pending;
float pendingT, pendingDensity = 0.0;

float densityOf(Place p) {
    if (p.slot < 0) return 0.0;
    taken += 1.0;
    return max(0.0, shownOf(textureLod(densities, (p.origin + p.local) * atlasTexel, 0.0).r)) * densityScale;
}

// Optical depth of a sample that is `way` long; 0 where that is faint.
float thicknessOf(float density, float way) {
    float depth = density * way * (normalisedStep ? 1.0 : ray.speed);
    return depth < faintest ? 0.0 : depth;
}

// Lays the pending sample, `way` long, behind what is there.
void settle(float way) {
    float depth = thicknessOf(pendingDensity, way);
    pendingDensity = 0.0;
    if (depth <= 0.0) return;
    float after = through * exp(-depth);
#if MODE == MODE_DENSITY
    if (halfT == NOWHERE && sum + depth >= HALF) halfT = pendingT + (HALF - sum) / depth * way;
    sum += depth;
#else
    if (halfT == NOWHERE && after <= 0.5) halfT = pendingT + way * log(2.0 * through) / depth;
#ifdef SHOWS_SAMPLES
    vec3 shown = fieldColor(pending.origin, pending.local, pending.voxel, ray.d);
    if (through - after > lightest) color += (through - after) * strainedAt(pending.rest, shown);
#endif
#endif
    through = after;
}

// The next sample, at `t`, where `p` is.
void meet(float t, Place p, float density) {
    settle(min(t, ray.limit) - pendingT);
    pending = p;
    pendingT = t;
    pendingDensity = t < ray.limit ? density : 0.0;
}

bool goesOn(float i, float last) {
#if MODE == MODE_DENSITY
    return i < last;
#else
    return i < last && through > ENOUGH;
#endif
}

// The bin after `i` that is worth a look, where nothing is at `p`, and not behind `stop`, which always is.
float following(Bins bins, Place p, float i, float stop) {
    float next = max(ceil(indexOf(bins, p.skip) - 0.5), i + 1.0);
    return i < stop ? min(next, stop) : next;
}

// The sum of the first samples' weights, of all but the outer two.
float weights(Bins bins, float first, float last) {
    float total = LEAST * (firstSamples - 2.0), left = 1.0;
    for (float i = first; i < last && left > 1e-5;) {
        Place p = placeAt(ray, tOf(bins, i + 0.5));
        if (p.slot < 0) {
            i = following(bins, p, i, firstSamples - 1.0);
            continue;
        }
        float opacity = 1.0 - exp(-thicknessOf(densityOf(p), bins.outer));
        if (i > 0.5 && i < firstSamples - 1.5) total += left * opacity;
        left *= 1.0 - opacity;
        i += 1.0;
    }
    return total;
}

void main() {
    picture = vec4(0.0);
    halfDepth = 1.0;
    if (!crosses(ray)) return;
    Bins bins = binsOf(ray);
    float first = ceil(indexOf(bins, ray.from) - 0.5), last = ceil(indexOf(bins, ray.to) - 0.5);
    // Where the box limits a ray its last sample may lie behind that.
    bool boxed = lattice.y <= 0.0;
    if (boxed) last = max(last, firstSamples);
    float total = weights(bins, first, last), steps = again - 1.0, left = 1.0;
    float passed = clamp(first - 1.0, 0.0, firstSamples - 2.0) * LEAST / total, i = first;
    // Where the first look met nothing the second one won't either; what is left is the last sample.
    if (total < LEAST * (firstSamples - 2.0) + MET && i < firstSamples - 1.0) i = lastStep > 0.0 ? firstSamples - 1.0 : last;
    while (goesOn(i, last) && tOf(bins, i) < ray.limit) {
        float t = tOf(bins, i + 0.5);
        Place p = placeAt(ray, t);
        if (p.slot < 0) {
            settle(min(t, ray.limit) - pendingT);
            float next = following(bins, p, i, firstSamples - 1.0);
            passed += (next - i) * LEAST / total;
            i = next;
            continue;
        }
        float density = densityOf(p), opacity = 1.0 - exp(-thicknessOf(density, bins.outer)), share = 0.0;
        if (i > 0.5 && i < firstSamples - 1.5) share = (left * opacity + LEAST) / total;
        left *= 1.0 - opacity;
        bool met = false;
        float end = min((passed + share) * steps, steps);
        for (float k = ceil(passed * steps); k < end; k += 1.0) {
            float u = (k / steps - passed) / share, other = tOf(bins, i + u);
            if (!met && u > 0.5) {
                meet(t, p, density);
                met = true;
            }
            Place between = placeAt(ray, other);
            meet(other, between, densityOf(between));
        }
        if (!met) meet(t, p, density);
        passed += share;
        i += 1.0;
    }
    if (ray.limit > pendingT) {
        bool ends = lastStep >= 0.0 && i > firstSamples - 0.5 && i < firstSamples + 0.5;
        settle(ends ? lastStep : min(bins.outer, ray.limit - pendingT));
    }
#if MODE == MODE_DENSITY
    through = exp(-sum);
    color = viridis(log2(1.0 + sum) * 0.1) * (1.0 - through);
#elif MODE == MODE_STEPS
    through = taken > 0.0 ? 0.0 : 1.0;
    color = viridis(taken * stepScale) * (1.0 - through);
#endif
    bool covers = halfT != NOWHERE;
    float t = covers ? min(halfT, max(ray.to, pendingT)) : ray.from;
    if (covers) halfDepth = windowDepth(t);
#if MODE == MODE_DEPTH
    if (!covers) through = 1.0;
    color = depthColor(t) * (1.0 - through);
#elif MODE == MODE_NORMAL || (MODE == MODE_COLOR && !defined(SHOWS_SAMPLES))
    if (through < 1.0) color = halfColor(ray, t, covers) * (1.0 - through);
#endif
    picture = vec4(color, 1.0 - through);
}
#endif
