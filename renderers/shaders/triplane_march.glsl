// Marches the rays of a triplane through its bricks, by the family's own rule. Writes a picture of its own, which
// field_composite.glsl lays into the frame. MODE is one of MODE_*; the field's activations come as macros:
// ACTIVATE_DENSITY(x), ACTIVATE_COLOR(x), and COLORED where the field has a colour.
//
// Rays are given in cells of the grid and parametrised by the distance along the viewing axis, t, counted from the
// depth of the box's middle: then one affine function of the pixel serves perspective and parallel rays, and a camera
// far away costs no precision.

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

layout(location = 0) out vec4 picture;   // premultiplied
layout(location = 1) out float halfDepth;  // window depth where half is covered, 1: nowhere

const float BRICK = 8.0;
const float SLOT = 9.0;
const float ENOUGH = 1e-3;       // transmittance at which a ray ends
const float HALF = 0.6931472;    // optical depth of one half
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

vec3 normalAt(vec3 origin, vec3 local) {
    vec3 n = normalToWorld * -gradientAt(origin, local);
    float size = length(n);
    return size > 0.0 ? n / size : vec3(0.0);
}

// What a sample shows.
vec3 colorAt(vec3 origin, vec3 local, vec3 toEye) {
#if MODE == MODE_NORMAL
    return normalAt(origin, local) * 0.5 + 0.5;
#elif defined(COLORED)
    vec3 raw = textureLod(colors, (origin + local) * atlasTexel, 0.0).rgb;
    return ACTIVATE_COLOR(raw);
#else
    return vec3(0.2 + 0.7 * abs(dot(normalAt(origin, local), toEye)));
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
    if (nearest >= 0.0) t0 = max(t0, nearest / speed - middle);
    if (t1 <= t0 || (t1 - t0) * speed <= minChord) return;

    float bin = (t1 - t0) / samples;
    float count = clamp((limitOf(opaque) - t0) / bin, 0.0, samples);
    float thickness = densityScale * (normalisedStep ? 1.0 : bin * speed);
    vec3 first = o + d * (t0 + 0.5 * bin), delta = d * bin;
    vec3 perCell = 1.0 / delta;
    ivec3 lastBrick = textureSize(brickIndex, 0) - 1;
    vec3 toEye = normalize(cellToWorld * -delta);

    float through = 1.0, reached = -1.0, sum = 0.0;
    vec3 color = vec3(0.0);
    float i = 0.0;
    // One flat loop, in which a step is a sample or a jump: lanes of a card, and of a software GL, stay together better
    // than with a loop over samples inside one over bricks.
    while (i < count) {
        vec3 place = first + delta * i;
        ivec3 brick = clamp(ivec3(place * (1.0 / BRICK)), ivec3(0), lastBrick);
        int slot = texelFetch(brickIndex, brick, 0).r;
        if (slot < 0) {
            // An empty brick says how far the next full one is: all up to there is jumped over at once.
            vec3 centre = (vec3(brick) + 0.5) * BRICK;
            vec3 exits = (centre - first) * perCell + abs(perCell) * (BRICK * (-0.5 - float(slot)));
            i = max(ceil(min(exits.x, min(exits.y, exits.z))), i + 1.0);
            continue;
        }
        vec3 origin = slotOrigin(slot), local = clamp(place - vec3(brick) * BRICK, 0.0, BRICK);
        float raw = textureLod(densities, (origin + local) * atlasTexel, 0.0).r;
        // The bin in which an opaque surface lies counts by its share in front of it. Inside a bin the density is
        // constant, so where half is covered follows in closed form.
        float share = min(1.0, count - i);
        float depth = ACTIVATE_DENSITY(raw) * thickness * share;
#if MODE == MODE_DENSITY
        if (reached < 0.0 && sum + depth >= HALF) reached = i + (HALF - sum) / depth * share;
        sum += depth;
#else
        if (depth > VISIBLE) {
            float after = through * exp(-depth);
#if MODE != MODE_DEPTH
            color += (through - after) * colorAt(origin, local, toEye);
#endif
            if (reached < 0.0 && after <= 0.5) reached = i + log(2.0 * through) / depth * share;
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
    if (reached >= 0.0) {
        float t = t0 + reached * bin;
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
