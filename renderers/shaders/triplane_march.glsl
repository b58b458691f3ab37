// Marches the rays of a triplane through its bricks, by the family's own rule. Writes a picture of its own, which
// field_composite.glsl lays into the frame. MODE is one of MODE_*; the field's activations come as macros:
// ACTIVATE_DENSITY(x), ACTIVATE_COLOR(x), and COLORED where the field has a colour.
//
// Rays are given in cells of the grid and parametrised by the distance along the viewing axis, t, counted from the
// depth of the box's middle: then one affine function of the pixel serves perspective and parallel rays, and a camera
// far away costs no precision.
//
// With WARP the field is bent: a sample lies at a moved place, and warpMap (see warp_volume.py and deform/volume.py) says
// where that was at rest; assets/deform/volume.py computes the same. Samples keep the family's distance and phase, so
// what did not move looks as before. STRAIN shows what the drag reaches or stretches.

#define MODE_COLOR 0
#define MODE_DENSITY 1
#define MODE_DEPTH 2
#define MODE_NORMAL 3

#ifdef VERTEX_SHADER
void main() {
    gl_Position = vec4(vec2((gl_VertexID << 1) & 2, gl_VertexID & 2) * 2.0 - 1.0, 0.0, 1.0);
}
#endif

#ifdef FRAGMENT_SHADER
#include "common/field_maps.glsl"

uniform isampler3D brickIndex;   // see brick_atlas.py
uniform sampler3D densities;     // raw density alone: most samples need no more
uniform sampler3D colors;        // raw colour
uniform vec3 atlasTexel;         // 1 / size of the two
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
uniform float samples;
uniform float densityScale;      // the factor that the user sets, times the normalised step where that is the rule
uniform bool normalisedStep;
uniform vec2 depthRange;         // nearest and farthest depth of the box, for MODE_DEPTH
uniform mat3 cellToWorld;        // turns and scales steps in cells into world ones
uniform mat3 normalToWorld;      // the same for gradients, up to their length

#ifdef WARP
uniform sampler3D warpMap;       // displacement · coverage in the asset's units, and coverage
uniform isampler3D warpBlocks;   // see warp_volume.py
uniform vec3 voxelTexel;         // 1 / size of the map
uniform vec3 cellsPerUnit;
uniform vec3 warpLow;            // the box of the map, in cells
uniform vec3 warpHigh;
uniform vec3 voxelScale;         // cells → voxels of the map
uniform vec3 voxelOffset;
uniform float leastChord;        // shortest side of the family's box, in the asset's units
#endif
#ifdef STRAIN
#include "common/strain.glsl"
uniform sampler3D strainMap;     // of places at rest
uniform vec3 strainScale;        // cells → 0 … 1
uniform vec3 strainOffset;
#endif

layout(location = 0) out vec4 picture;   // premultiplied
layout(location = 1) out float halfDepth;  // window depth where half is covered, 1: nowhere

const float BRICK = 8.0;
const float SLOT = 9.0;
const float ENOUGH = 1e-3;       // transmittance at which a ray ends
const float HALF = 0.6931472;    // optical depth of one half
const float NOWHERE = -1e30;
const float VISIBLE = 2e-4;      // optical depth from which a sample counts

float windowDepth(float t) {
    float depth = t + middle;
    return clamp(0.5 + 0.5 * (depthRow.x * depth + depthRow.y) / (depthRow.z * depth + depthRow.w), 0.0, 1.0);
}

float limitOf(float stored) {
    if (stored >= 1.0) return 1e30;
    float ndc = stored * 2.0 - 1.0;
    return (depthRow.y - ndc * depthRow.w) / (ndc * depthRow.z - depthRow.x) - middle;
}

// The texel, in units of texels, at which `slot` begins.
vec3 slotOrigin(int slot) {
    return vec3(slot & 1023, (slot >> 10) & 1023, slot >> 20) * SLOT + 0.5;
}

// Gradient of the raw density in cells; `local` is 0 … 8 inside the brick whose texels begin at `origin`.
vec3 gradientAt(vec3 origin, vec3 local) {
    vec3 low = max(local - 1.0, 0.0), high = min(local + 1.0, BRICK);
    vec3 difference;
    for (int axis = 0; axis < 3; axis++) {
        vec3 before = local, after = local;
        before[axis] = low[axis];
        after[axis] = high[axis];
        difference[axis] = textureLod(densities, (origin + after) * atlasTexel, 0.0).r
                         - textureLod(densities, (origin + before) * atlasTexel, 0.0).r;
    }
    return difference / (high - low);
}

#ifdef WARP
const float TORN = 1.001;        // coverage beyond which the map must not be interpolated

// Displacement · coverage, and coverage, at a place in voxels.
vec4 mapAt(vec3 voxel) {
    vec4 found = textureLod(warpMap, voxel / vec3(textureSize(warpMap, 0)), 0.0);
    if (found.a > TORN) found = texelFetch(warpMap, clamp(ivec3(voxel), ivec3(0), textureSize(warpMap, 0) - 1), 0);
    return found;
}

// The gradient by moved places of what has the gradient `g` by rest places: the transpose of the map's derivative.
vec3 bentGradient(vec3 g, vec3 voxel) {
    vec3 bent = g;
    for (int axis = 0; axis < 3; axis++) {
        vec3 before = voxel, after = voxel;
        before[axis] -= 1.0;
        after[axis] += 1.0;
        vec4 low = mapAt(before), high = mapAt(after);
        if (low.a < PRESENT || high.a < PRESENT || max(low.a, high.a) > TORN) continue;
        bent[axis] += dot((high.rgb / high.a - low.rgb / low.a) * cellsPerUnit, g) * 0.5 * voxelScale[axis];
    }
    return bent;
}
#endif

#ifdef WARP
// How a ray is cut: from t0 to t1 as the family does, into `inner` bins of `length`, and before and behind that into bins
// of `outer`. Rays that graze the family's box, or miss it, take its shortest side for the chord there. Bins are counted
// from t0 on, whole numbers where they begin.
struct Bins { float t0; float t1; float length; float outer; float inner; float perLength; float perOuter; };

Bins binsOf(float t0, float t1, float u0, float u1, float speed) {
    float outer = max(t1 - t0, leastChord / speed) / samples;
    float inner = (t1 - t0) / samples, between = clamp(0.5 * (t0 + t1), u0, u1);
    if (t1 > t0) return Bins(t0, t1, inner, outer, samples, 1.0 / inner, 1.0 / outer);
    return Bins(between, between, outer, outer, 0.0, 1.0 / outer, 1.0 / outer);
}

float tOf(Bins b, float index) {
    return b.t0 + (min(index, 0.0) + max(index - b.inner, 0.0)) * b.outer + clamp(index, 0.0, b.inner) * b.length;
}

float indexOf(Bins b, float t) {
    float outside = min(t - b.t0, 0.0) + max(t - b.t1, 0.0);
    return outside * b.perOuter + clamp((t - b.t0) * b.perLength, 0.0, b.inner);
}
#endif

// `voxel` is the moved place in the map, where there is one.
vec3 normalAt(vec3 origin, vec3 local, vec3 voxel) {
    vec3 g = gradientAt(origin, local);
#ifdef WARP
    g = bentGradient(g, voxel);
#endif
    vec3 n = normalToWorld * -g;
    float size = length(n);
    return size > 0.0 ? n / size : vec3(0.0);
}

// What a sample shows.
vec3 colorAt(vec3 origin, vec3 local, vec3 voxel, vec3 toEye) {
#if MODE == MODE_NORMAL
    return normalAt(origin, local, voxel) * 0.5 + 0.5;
#elif defined(COLORED)
    vec3 raw = textureLod(colors, (origin + local) * atlasTexel, 0.0).rgb;
    return ACTIVATE_COLOR(raw);
#else
    return vec3(0.2 + 0.7 * abs(dot(normalAt(origin, local, voxel), toEye)));
#endif
}

void main() {
    vec2 pixel = gl_FragCoord.xy * pixelScale;
    float opaque = texelFetch(opaqueDepth, ivec2(pixel), 0).r;
    picture = vec4(0.0);
    halfDepth = 1.0;

    vec3 o = originOf * vec3(pixel, 1.0);
    vec3 d = directionOf * vec3(pixel, 1.0);
    d = mix(d, vec3(1e-12), lessThan(abs(d), vec3(1e-12)));
    vec3 a = (boxLow - o) / d, b = (boxHigh - o) / d;
    vec3 enter = min(a, b), leave = max(a, b);
    float t0 = max(enter.x, max(enter.y, enter.z));
    float t1 = min(leave.x, min(leave.y, leave.z));
    float speed = length(d * cellSize);
    float nearT = nearest >= 0.0 ? nearest / speed - middle : -1e30;
    t0 = max(t0, nearT);
#ifdef WARP
    vec3 from = (warpLow - o) / d, to = (warpHigh - o) / d;
    vec3 nearer = min(from, to), farther = max(from, to);
    float u0 = max(max(nearer.x, max(nearer.y, nearer.z)), nearT);
    float u1 = min(farther.x, min(farther.y, farther.z));
    if (u1 <= u0 || (u1 - u0) * speed <= minChord) return;
    Bins bins = binsOf(t0, t1, u0, u1, speed);
    float i = ceil(indexOf(bins, u0) - 0.5), count = min(indexOf(bins, limitOf(opaque)), ceil(indexOf(bins, u1) - 0.5));
    vec3 perT = 1.0 / (d * voxelScale), middleVoxel = o * voxelScale + voxelOffset;
    ivec3 lastBlock = textureSize(warpBlocks, 0) - 1;
    float thickness = densityScale;
    vec3 delta = d;
#else
    if (t1 <= t0 || (t1 - t0) * speed <= minChord) return;
    float bin = (t1 - t0) / samples;
    float i = 0.0, count = clamp((limitOf(opaque) - t0) / bin, 0.0, samples);
    float thickness = densityScale * (normalisedStep ? 1.0 : bin * speed);
    vec3 first = o + d * (t0 + 0.5 * bin), delta = d * bin;
    vec3 perCell = 1.0 / delta;
#endif
    ivec3 lastBrick = textureSize(brickIndex, 0) - 1;
    vec3 toEye = normalize(cellToWorld * -delta);

    float through = 1.0, reached = NOWHERE, sum = 0.0;
    vec3 color = vec3(0.0);
    // One flat loop, in which a step is a sample or a jump: lanes of a card, and of a software GL, stay together better
    // than with a loop over samples inside one over bricks.
    while (i < count) {
#ifdef WARP
        vec3 place = o + d * tOf(bins, i + 0.5), voxel = place * voxelScale + voxelOffset;
        ivec3 block = clamp(ivec3(voxel * (1.0 / float(WARP_BLOCK))), ivec3(0), lastBlock);
        int empty = texelFetch(warpBlocks, block, 0).r;
        if (empty < 0) {
            vec3 centre = (vec3(block) + 0.5) * float(WARP_BLOCK);
            vec3 exits = (centre - middleVoxel) * perT + abs(perT) * (float(WARP_BLOCK) * (-0.5 - float(empty)));
            i = max(ceil(indexOf(bins, min(exits.x, min(exits.y, exits.z))) - 0.5), i + 1.0);
            continue;
        }
        if (empty != RESTING) {
            // Where two parts meet the nearest voxel counts alone: at its centre nothing is interpolated.
            vec3 at = empty == RENT ? floor(voxel) + 0.5 : voxel;
            vec4 found = textureLod(warpMap, at * voxelTexel, 0.0);
            if (found.a < PRESENT) {
                i += 1.0;
                continue;
            }
            place += found.rgb / found.a * cellsPerUnit;
        }
        if (any(lessThan(place, boxLow)) || any(greaterThan(place, boxHigh))) {
            i += 1.0;
            continue;
        }
        if (!normalisedStep) thickness = densityScale * speed * (i < 0.0 || i >= bins.inner ? bins.outer : bins.length);
#else
        vec3 place = first + delta * i, voxel = vec3(0.0);
#endif
        ivec3 brick = clamp(ivec3(place * (1.0 / BRICK)), ivec3(0), lastBrick);
        int slot = texelFetch(brickIndex, brick, 0).r;
        if (slot < 0) {
#ifdef WARP
            i += 1.0;
#else
            // An empty brick says how far the next full one is: all up to there is jumped over at once.
            vec3 centre = (vec3(brick) + 0.5) * BRICK;
            vec3 exits = (centre - first) * perCell + abs(perCell) * (BRICK * (-0.5 - float(slot)));
            i = max(ceil(min(exits.x, min(exits.y, exits.z))), i + 1.0);
#endif
            continue;
        }
        vec3 origin = slotOrigin(slot), local = clamp(place - vec3(brick) * BRICK, 0.0, BRICK);
        float raw = textureLod(densities, (origin + local) * atlasTexel, 0.0).r;
        // The bin in which an opaque surface lies counts by its share in front of it. Inside a bin the density is
        // constant, so where half is covered follows in closed form.
        float share = min(1.0, count - i);
        float depth = ACTIVATE_DENSITY(raw) * thickness * share;
#if MODE == MODE_DENSITY
        if (reached == NOWHERE && sum + depth >= HALF) reached = i + (HALF - sum) / depth * share;
        sum += depth;
#else
        if (depth > VISIBLE) {
            float after = through * exp(-depth);
#if MODE != MODE_DEPTH
            vec3 shown = colorAt(origin, local, voxel, toEye);
#ifdef STRAIN
            shown = strained(shown, textureLod(strainMap, place * strainScale + strainOffset, 0.0).rg);
#endif
            color += (through - after) * shown;
#endif
            if (reached == NOWHERE && after <= 0.5) reached = i + log(2.0 * through) / depth * share;
            through = after;
            if (through < ENOUGH) break;
        }
#endif
        i += 1.0;
    }

#if MODE == MODE_DENSITY
    through = exp(-sum);
    // Opacity saturates long before density does; the logarithm shows 0 … 1000 optical depths.
    color = viridis(log2(1.0 + sum) * 0.1) * (1.0 - through);
#endif
    if (reached != NOWHERE) {
#ifdef WARP
        float t = tOf(bins, reached);
#else
        float t = t0 + reached * bin;
#endif
        halfDepth = windowDepth(t);
#if MODE == MODE_DEPTH
        float share = (t + middle - depthRange.x) / max(depthRange.y - depthRange.x, 1e-30);
        color = vec3(mix(0.95, 0.08, clamp(share, 0.0, 1.0))) * (1.0 - through);
#endif
    }
#if MODE == MODE_DEPTH
    else through = 1.0;
#endif
    picture = vec4(color, 1.0 - through);
}
#endif
