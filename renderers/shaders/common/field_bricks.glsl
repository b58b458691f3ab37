// The bricks of a field (see fields/brick_atlas.py): where they lie, and what a place in them looks like.
//
// ACTIVATE_SHOWN(x) and ACTIVATE_COLOR(x) are the field's activations; COLORED: it has a colour; VIEWS: so many further
// coefficients of it by direction, 3 or 8. With WARP the file comes after field_warp.glsl.

uniform isampler3D brickIndex;   // see fields/brick_atlas.py
uniform sampler3D densities;     // raw density, or what else is shown, alone: most samples need no more
uniform sampler3D colors;        // raw colour
uniform vec3 atlasTexel;         // 1 / size of them
uniform mat3 cellToWorld;        // turns and scales steps in cells into world ones
uniform mat3 normalToWorld;      // the same for gradients, up to their length
uniform vec3 shownTerms;         // bias before, scale and shift after the activation
uniform vec3 colorTerms;
#ifdef VIEWS
#include "common/sh.glsl"
uniform sampler3D views0, views1, views2;
#if VIEWS > 3
uniform sampler3D views3, views4, views5;
#endif
#endif

const float BRICK = 8.0;
const float SLOT = 9.0;

// The texel, in units of texels, at which `slot` begins.
vec3 slotOrigin(int slot) {
    return vec3(slot & 1023, (slot >> 10) & 1023, slot >> 20) * SLOT + 0.5;
}

// How far a ray, from `first` in steps of 1 / `perStep`, can go at once from a brick on that says that the next full one is
// −slot away.
float emptyUntil(vec3 first, vec3 perStep, ivec3 brick, int slot) {
#ifdef BEYOND
    // Bricks at the border stand for all that is behind them.
    ivec3 low = brick + 1 + slot, high = brick - slot, all = textureSize(brickIndex, 0);
    vec3 begin = mix(vec3(low) * BRICK, vec3(-1e6), lessThanEqual(low, ivec3(0)));
    vec3 end = mix(vec3(high) * BRICK, vec3(1e6), greaterThanEqual(high, all));
    vec3 exits = max((begin - first) * perStep, (end - first) * perStep);
#else
    vec3 exits = ((vec3(brick) + 0.5) * BRICK - first) * perStep + abs(perStep) * (BRICK * (-0.5 - float(slot)));
#endif
    return min(exits.x, min(exits.y, exits.z));
}

float shownOf(float raw) {
    float x = raw + shownTerms.x;
    return ACTIVATE_SHOWN(x) * shownTerms.y + shownTerms.z;
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

// A gradient by places in cells as a unit normal in the world, out of where the raw value is high.
vec3 normalOf(vec3 g, vec3 voxel) {
#ifdef WARP
    g = bentGradient(g, voxel);
#endif
    vec3 n = normalToWorld * -g;
    float size = length(n);
    return size > 0.0 ? n / size : vec3(0.0);
}

// `voxel` is the moved place in the map, where there is one.
vec3 normalAt(vec3 origin, vec3 local, vec3 voxel) {
    return normalOf(gradientAt(origin, local), voxel);
}

#ifdef COLORED
#ifdef VIEWS
vec3 pairedViews(vec4 a, vec4 b, vec4 c, vec4 weights) {
    return weights.x * a.rgb + weights.y * vec3(a.a, b.rg) + weights.z * vec3(b.ba, c.r) + weights.w * c.gba;
}
#endif

vec3 activatedColor(vec3 raw) {
    return ACTIVATE_COLOR(raw + colorTerms.x) * colorTerms.y + colorTerms.z;
}

// The colour in a brick, seen along `d`, in cells, from the eye.
vec3 fieldColor(vec3 origin, vec3 local, vec3 voxel, vec3 d) {
    vec3 at = (origin + local) * atlasTexel;
    vec3 x = textureLod(colors, at, 0.0).rgb;
#ifdef VIEWS
#ifdef WARP
    d = restDirection(d, voxel);
#endif
    vec4 w[4];
    shWeights(normalize(d * cellSize), VIEWS > 3 ? 2 : 1, w);
    vec4 third = textureLod(views2, at, 0.0);
    x += pairedViews(textureLod(views0, at, 0.0), textureLod(views1, at, 0.0), third, vec4(w[0].yzw, w[1].x));
#if VIEWS > 3
    x += pairedViews(textureLod(views3, at, 0.0), textureLod(views4, at, 0.0), textureLod(views5, at, 0.0),
                     vec4(w[1].yzw, w[2].x));
#endif
#endif
    return activatedColor(x);
}
#endif

// How a field without a colour is lit: from the camera.
vec3 litFromEye(vec3 normal, vec3 toEye) {
    return vec3(0.2 + 0.7 * abs(dot(normal, toEye)));
}
