// Projects each splat once: from its mean, axes and coefficients to a record with its shape in the picture and one
// colour, captured by transform feedback for the program that draws it. The rules are those of splats/projection.py and
// splats/surfels.py.
//
// DEGREE: up to which band colours are drawn. DOTS, SURFEL or SOLID: what is drawn in place of the ellipse that the
// linear map at the centre makes. FLAT: splats have no thickness. DEPTHS: tints are the depth,
// and how it grows along both axes. WARP: splats follow the nodes of a warp; STRAIN: and show how much. What describes
// the textures: common/splat_texels.glsl. LIT: some splats are lit up, and the others dim. ENCODED: colours are linear
// light, and become sRGB here; DECODED: and linear light again, after what is laid over them on the screen.

#define MODE_DEPTH 1
#define MODE_NORMAL 2
#define MODE_OPACITY 3
#define MODE_OVERDRAW 4

#ifdef VERTEX_SHADER
#include "common/sh.glsl"
#include "common/splat_texels.glsl"
#include "common/splat_outline.glsl"
#include "common/depth_color.glsl"
#ifdef ENCODED
#include "common/color.glsl"
#endif

layout(location = 0) in uint splat;

#ifdef WARP
uniform vec3 centre;               // what the nodes move lies relative to it; modelView and eye as well
#endif
#ifdef STRAIN
#include "common/strain.glsl"
#endif
uniform mat4 modelView;
uniform mat4 projection;
uniform mat3 turnToWorld;          // from the view's axes to the world's
uniform vec2 viewport;
uniform vec2 focal;
uniform vec2 slopeLow;             // where the Jacobian is held; y upwards
uniform vec2 slopeHigh;
uniform bool orthographic;
uniform vec3 eye;                  // in the asset's frame; the viewing direction for an orthographic camera
uniform bool compensate;
uniform float size;
uniform vec2 opacityRange;
uniform float largestSize;
uniform float largestRadius;       // pixels
uniform float extent;              // σ at which a solid ends
uniform float dotSize;             // pixels
uniform int mode;
#ifdef LIT
#include "common/splat_lights.glsl"
#endif

out vec4 place;   // centre and depth in normalised device coordinates; how many σ the splat reaches
out vec4 tint;    // colour and opacity
#if defined(SURFEL)
out vec4 across;  // pixels by which a step of one σ along both axes moves, x and y, in the plane of the centre
out vec4 tilt;    // share of its distance by which such steps move away; centre of the low-pass filter, pixels
#elif defined(SOLID)
out vec4 stepX;   // what a pixel to the right is in the frame where the solid is the unit ball, and the box's left
out vec4 stepY;   // a pixel upwards, and the box's lower end
out vec4 along;   // the ray through the centre, and the box's right; its upper end is the alpha of tint
#else
out vec4 axes;    // half axes of the ellipse, in normalised device coordinates
#endif

const float NEAR = 0.01;
const float DILATION = 0.3;
const float SMALLEST_COMPENSATION = 0.005;
const float FAINTEST = 1.0 / 255.0;
const float LOW_PASS_CUTOFF = 3.0;
const float THINNEST = 1e-3;       // axis of a solid, as a share of its longest

vec3 viewedColor(int chunk, int index, uvec4 first, uvec4 third, vec3 direction) {
    vec4 w[4];
    shWeights(direction, DEGREE, w);
    uvec4 words = colorTexel(chunk, index, 0);
    vec3 sum = vec3(0.5) + w[0].x * lowestCoefficient(first, third, words.x);
#if DEGREE > 0
    vec3 rest = w[0].y * coefficient(words.y) + w[0].z * coefficient(words.z) + w[0].w * coefficient(words.w);
    for (int group = 1; group < (DEGREE + 1) * (DEGREE + 1) / 4; ++group) {
        words = colorTexel(chunk, index, group);
        rest += w[group].x * coefficient(words.x) + w[group].y * coefficient(words.y) +
                w[group].z * coefficient(words.z) + w[group].w * coefficient(words.w);
    }
#if DEGREE == 2
    rest += w[2].x * coefficient(colorTexel(chunk, index, 2).x);
#endif
    sum += rest * coefficientScales(third).y;
#endif
    return max(sum, 0.0);
}

mat3 rotation(vec4 q) {
    float w = q.x, x = q.y, y = q.z, z = q.w;
    return mat3(1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z), 2.0 * (x * z - w * y),
                2.0 * (x * y - w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z + w * x),
                2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y));
}

// The unit normal in the world, towards the viewer: that of the plane of the two longer axes.
vec3 normalOf(mat3 shape, vec3 sizes, vec3 position) {
    vec3 n = cross(shape[0], shape[1]);
    if (sizes.x < min(sizes.y, sizes.z)) n = cross(shape[1], shape[2]);
    else if (sizes.y < sizes.z) n = cross(shape[2], shape[0]);
    float away = orthographic ? -n.z : dot(n, position);
    return normalize(turnToWorld * (away > 0.0 ? -n : n));
}

// The half axes, in pixels, of the ellipse at one σ with variances xx, xy, yy and the area `det`, major axis first.
// The minor one follows from the area: the difference of large numbers would lose it for long splats.
vec4 halfAxes(float xx, float xy, float yy, float det) {
    float middle = 0.5 * (xx + yy), spread = length(vec2(0.5 * (xx - yy), xy));
    float major = middle + spread;
    vec2 direction = xx >= yy ? vec2(major - yy, xy) : vec2(xy, major - xx);
    float size = length(direction);
    direction = size > 0.0 ? direction / size : vec2(1.0, 0.0);
    return vec4(direction * sqrt(major), vec2(-direction.y, direction.x) * sqrt(det / major));
}

void hide() {
    place = vec4(0.0);
    tint = vec4(0.0);
#if defined(SURFEL)
    across = tilt = vec4(0.0);
#elif defined(SOLID)
    stepX = stepY = along = vec4(0.0);
#else
    axes = vec4(0.0);
#endif
}

#if !defined(DOTS) && !defined(SURFEL) && !defined(SOLID)
// Rows of Jacobian × view × axes: what each axis of the splat becomes in the picture, y upwards.
void projectEllipse(vec3 position, float depth, vec3 rows[3], float opacity) {
    vec3 u = rows[0] * focal.x, v = rows[1] * focal.y;
    if (!orthographic) {
        vec2 slope = clamp(position.xy / depth, slopeLow, slopeHigh);
        u = (rows[0] + slope.x * rows[2]) * (focal.x / depth);
        v = (rows[1] + slope.y * rows[2]) * (focal.y / depth);
    }
    float xx = dot(u, u), xy = dot(u, v), yy = dot(v, v);
    vec3 normal = cross(u, v);
    float sharp = dot(normal, normal);
    float det = sharp + DILATION * (xx + yy) + DILATION * DILATION;
    if (compensate) opacity *= max(sqrt(sharp / det), SMALLEST_COMPENSATION);
    vec4 ellipse = halfAxes(xx + DILATION, xy, yy + DILATION, det);
    float radius = ceil(3.0 * length(ellipse.xy));
    if (opacity < FAINTEST || 3.0 * length(ellipse.xy) > largestRadius ||
        any(greaterThan(abs(place.xy) * viewport - 2.0 * radius, viewport))) {
        hide();
        return;
    }
    place.w = sqrt(2.0 * log(opacity / FAINTEST));
    axes = ellipse * place.w * 2.0 / viewport.xyxy;
    tint.a = opacity;
}
#endif

#ifdef SURFEL
void projectSurfel(vec3 u, vec3 v, vec3 w, float opacity) {
    if (opacity < FAINTEST || 3.0 * majorOf(u, v) > largestRadius) {
        hide();
        return;
    }
    place.w = sqrt(2.0 * log(opacity / FAINTEST));
    across = vec4(u.xy, v.xy);
    tilt = vec4(w.xy, 0.0, 0.0);
    Outline three = outlineOf(u, v, w, LOW_PASS_CUTOFF);
    if (three.bounded) tilt.zw = 0.5 * (three.low + three.high);
    Outline shown = outlineOf(u, v, w, place.w);
    vec2 farther = max(max(-shown.low, shown.high), abs(tilt.zw) + place.w);
    if (shown.bounded && any(greaterThan(abs(place.xy) * viewport - 2.0 * farther, viewport))) {
        hide();
        return;
    }
    tint.a = opacity;
}
#endif

#ifdef SOLID
void projectSolid(vec3 position, float depth, mat3 shape, vec3 sizes, vec3 u, vec3 v, vec3 w) {
    if (3.0 * majorOf(u, v) > largestRadius) {
        hide();
        return;
    }
    Outline shown = outlineOf(u, v, w, extent);
    vec2 low = shown.bounded ? place.xy + shown.low * 2.0 / viewport : vec2(-1.0);
    vec2 high = shown.bounded ? place.xy + shown.high * 2.0 / viewport : vec2(1.0);
    mat3 toBall = inverse(shape);
    for (int i = 0; i < 3; ++i) toBall[i] /= sizes * extent;
    vec2 pixel = orthographic ? 1.0 / focal : depth / focal;
    vec3 ray = orthographic ? vec3(0.0, 0.0, -1.0) : position / depth;
    place.zw = vec2(depth, 0.0);
    stepX = vec4(toBall[0] * pixel.x, low.x);
    stepY = vec4(toBall[1] * pixel.y, low.y);
    along = vec4(toBall * ray, high.x);
    tint.a = high.y;
}
#endif

void main() {
    int chunk = int(splat) / splatsPerChunk, index = int(splat) - chunk * splatsPerChunk;
    uvec4 first = shapeTexel(chunk, index, 0), third = shapeTexel(chunk, index, 2);
    vec3 mean = uintBitsToFloat(first.xyz), sizes = uintBitsToFloat(third.xyz);
    float opacity = opacityOf(first);
#ifdef WARP
    uvec4 binding[INFLUENCES / 4];
    fetchBinding(chunk, index, binding);
    Skin skin = skinOf(binding);
    mean = moved(skin, mean - centre);
#endif
    vec4 position = modelView * vec4(mean, 1.0);
    float depth = -position.z;
    if (depth <= NEAR || opacity < opacityRange.x || opacity > opacityRange.y ||
        max(sizes.x, max(sizes.y, sizes.z)) > largestSize) {
        hide();
        return;
    }
    vec4 clip = projection * position;
    place = vec4(clip.xy / clip.w, clamp(clip.z / clip.w, -1.0, 1.0), 1.0);
#ifdef FLAT
    sizes.z = 0.0;
#endif
    mat3 shape = rotation(shapeNumbers(chunk, index, 1));
#ifdef WARP
    shape = gradientOf(skin) * shape;
#endif
    shape = mat3(modelView) * shape;
    if (mode == MODE_DEPTH) {
#ifdef DEPTHS
        tint.rgb = vec3(depth);
#else
        tint.rgb = depthColor(depth);
#endif
    } else if (mode == MODE_NORMAL) {
        tint.rgb = normalOf(shape, sizes, position.xyz) * 0.5 + 0.5;
    } else if (mode == MODE_OPACITY || mode == MODE_OVERDRAW) {
        tint.rgb = vec3(opacity);
    } else {
        vec3 direction = orthographic ? eye : normalize(mean - eye);
#if defined(WARP) && DEGREE > 0
        // Seen from where it was seen at rest: the same as turning its coefficients.
        direction = turnedBack(turnOf(binding), direction);
#endif
        tint.rgb = viewedColor(chunk, index, first, third, direction);
#ifdef ENCODED
        tint.rgb = linearToSrgb(tint.rgb);
#endif
    }
#ifdef STRAIN
    tint.rgb = strained(tint.rgb, strainOf(binding));
#endif
#ifdef LIT
    tint.rgb = lighted(tint.rgb, int(splat));
#endif
#ifdef DECODED
    tint.rgb = srgbToLinear(tint.rgb);
#endif
    sizes *= size;
#ifdef SOLID
    if (opacity < FAINTEST) {
        hide();
        return;
    }
    sizes = max(sizes, THINNEST * max(sizes.x, max(sizes.y, sizes.z)));
#endif
    vec3 rows[3];
    for (int i = 0; i < 3; ++i) rows[i] = vec3(shape[0][i], shape[1][i], shape[2][i]) * sizes;
#if defined(DOTS)
    axes = vec4(dotSize / viewport.x, 0.0, 0.0, dotSize / viewport.y);
    tint.a = 1.0;
#elif defined(SURFEL) || defined(SOLID)
    // Exactly: a point t of the unit ball falls (u·t, v·t) / (1 + w·t) pixels away from the centre.
    vec2 slope = orthographic ? vec2(0.0) : position.xy / depth;
    vec2 scale = orthographic ? focal : focal / depth;
    vec3 u = (rows[0] + slope.x * rows[2]) * scale.x, v = (rows[1] + slope.y * rows[2]) * scale.y;
    vec3 w = orthographic ? vec3(0.0) : -rows[2] / depth;
#ifdef DEPTHS
    tint.gb = -rows[2].xy;
#endif
#ifdef SURFEL
    projectSurfel(u, v, w, opacity);
#else
    projectSolid(position.xyz, depth, shape, sizes, u, v, w);
#endif
#else
    projectEllipse(position.xyz, depth, rows, opacity);
#endif
}
#endif
