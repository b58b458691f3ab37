// Marches the rays of a density through its bricks, by the family's own rule. Writes a picture of its own, which
// field_composite.glsl lays into the frame. MODE is one of MODE_*; for the field's activations see field_bricks.glsl.
//
// With CLOSER the family looks twice at a ray, the second time where there is something: bins are then fine ones, of
// which CLOSER are taken together where the field is thin. With WARP the field is bent. Samples keep the family's distance
// and phase, so what did not move looks as before. STRAIN shows what the drag reaches or stretches.

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

void main() {
    picture = vec4(0.0);
    halfDepth = 1.0;
    Ray ray;
    if (!crosses(ray)) return;
    vec3 o = ray.o, d = ray.d;
    Bins bins = binsOf(ray);
    float i = ceil(indexOf(bins, ray.from) - 0.5), last = ceil(indexOf(bins, ray.to) - 0.5);
    float count = min(indexOf(bins, ray.limit), last);
    float thickness = densityScale * (normalisedStep ? 1.0 : bins.outer * ray.speed);
#ifdef WARP
    vec3 perT = 1.0 / (d * voxelScale), middleVoxel = o * voxelScale + voxelOffset;
    vec3 delta = d;
#else
    vec3 first = o + d * (bins.t0 + 0.5 * bins.outer), delta = d * bins.outer;
    vec3 perCell = 1.0 / delta;
#endif
    ivec3 lastBrick = textureSize(brickIndex, 0) - 1;

    float through = 1.0, reached = NOWHERE, sum = 0.0, taken = 0.0, width = 1.0;
    float visible = VISIBLE / intervals;
    vec3 color = vec3(0.0);
#ifdef CLOSER
    width = CLOSER;
#endif
    // One flat loop, in which a step is a sample or a jump: lanes of a card, and of a software GL, stay together better
    // than with a loop over samples inside one over bricks.
    while (i < count) {
#ifdef WARP
        vec3 place = o + d * tOf(bins, i + 0.5 * width), voxel = place * voxelScale + voxelOffset;
        int kind = blockAt(voxel);
        if (kind < 0) {
            vec3 centre = (floor(voxel * (1.0 / float(WARP_BLOCK))) + 0.5) * float(WARP_BLOCK);
            vec3 exits = (centre - middleVoxel) * perT + abs(perT) * (float(WARP_BLOCK) * (-0.5 - float(kind)));
            i = max(ceil(indexOf(bins, min(exits.x, min(exits.y, exits.z))) - 0.5), i + 1.0);
            continue;
        }
        if (!toRest(place, voxel, kind) || any(lessThan(place, boxLow)) || any(greaterThan(place, boxHigh))) {
            i += 1.0;
            continue;
        }
        if (!normalisedStep) thickness = densityScale * ray.speed * (i < 0.0 || i >= bins.inner ? bins.outer : bins.length);
#else
        vec3 place = first + delta * (i + 0.5 * (width - 1.0)), voxel = vec3(0.0);
#endif
        ivec3 brick = clamp(ivec3(place * (1.0 / BRICK)), ivec3(0), lastBrick);
        int slot = texelFetch(brickIndex, brick, 0).r;
        if (slot < 0) {
#ifdef WARP
            i += 1.0;
#else
            // An empty brick says how far the next full one is: all up to there is jumped over at once.
            i = max(ceil(emptyUntil(first, perCell, brick, slot)), i + 1.0);
#endif
            continue;
        }
        vec3 origin = slotOrigin(slot), local = clamp(place - vec3(brick) * BRICK, 0.0, BRICK);
        float raw = textureLod(densities, (origin + local) * atlasTexel, 0.0).r;
        taken += 1.0;
        // The bin in which an opaque surface lies counts by its share in front of it. Inside a bin the density is
        // constant, so where half is covered follows in closed form.
        float share = min(width, count - i), perBin = max(0.0, shownOf(raw)) * thickness;
#ifdef CLOSER
        if (width > 1.0 && perBin > THIN) {
            width = 1.0;
            continue;
        }
#endif
        float depth = perBin < faintest ? 0.0 : perBin * share;
#if MODE == MODE_DENSITY
        if (reached == NOWHERE && sum + depth >= HALF) reached = i + (HALF - sum) / depth * share;
        sum += depth;
#else
        if (depth > visible) {
            float after = through * exp(-depth);
#ifdef SHOWS_SAMPLES
            vec3 shown = fieldColor(origin, local, voxel, d);
            if (through - after > lightest) color += (through - after) * strainedAt(place, shown);
#endif
            if (reached == NOWHERE && after <= 0.5) reached = i + log(2.0 * through) / depth * share;
            through = after;
            if (through < ENOUGH) break;
        }
#endif
        i += width;
#ifdef CLOSER
        width = perBin > THIN ? 1.0 : CLOSER;
#endif
    }

#ifdef ENDLESS
    // The last sample, where the ray leaves the box or a little behind, counts as if it were this long.
    if (through >= ENOUGH && ray.limit >= ray.t1) {
        vec3 place = o + d * mix(ray.t0, ray.t1, 1.0 + lastBehind);
        ivec3 brick = clamp(ivec3(place * (1.0 / BRICK)), ivec3(0), lastBrick);
        int slot = texelFetch(brickIndex, brick, 0).r;
        vec3 origin = slotOrigin(slot), local = clamp(place - vec3(brick) * BRICK, 0.0, BRICK);
        float depth = slot < 0 ? 0.0
            : max(0.0, shownOf(textureLod(densities, (origin + local) * atlasTexel, 0.0).r)) * densityScale * lastStep;
        float after = through * exp(-depth);
        if (slot >= 0 && after < through) {
#ifdef SHOWS_SAMPLES
            color += (through - after) * fieldColor(origin, local, vec3(0.0), d);
#endif
            if (reached == NOWHERE && after <= 0.5) reached = indexOf(bins, ray.t1);
            through = after;
            sum += depth;
        }
    }
#endif

#if MODE == MODE_DENSITY
    through = exp(-sum);
    // Opacity saturates long before density does; the logarithm shows 0 … 1000 optical depths.
    color = viridis(log2(1.0 + sum) * 0.1) * (1.0 - through);
#elif MODE == MODE_STEPS
    through = taken > 0.0 ? 0.0 : 1.0;
    color = viridis(taken * stepScale) * (1.0 - through);
#endif
    bool covers = reached != NOWHERE;
    float t = covers ? tOf(bins, reached) : ray.from;
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
