// Projects each splat once: from its mean, axes and coefficients to an ellipse in the picture with one colour, captured
// by transform feedback for gaussian_splat.glsl. The rules are those of splat_projection.py.
//
// DEGREE: up to which band colours are drawn. WARP: splats follow the nodes of a warp; STRAIN: and show how much. What
// describes the textures: common/splat_texels.glsl.

#define MODE_DEPTH 1
#define MODE_CENTERS 2

#ifdef VERTEX_SHADER
#include "common/sh.glsl"
#include "common/splat_texels.glsl"
#define GROUPS ((DEGREE + 1) * (DEGREE + 1) + 3) / 4 * int(DEGREE > 0)

layout(location = 0) in uint splat;

#ifdef WARP
uniform vec3 centre;               // what the nodes move lies relative to it; modelView and eye as well
#endif
#ifdef STRAIN
#include "common/strain.glsl"
#endif
uniform mat4 modelView;
uniform mat4 projection;
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
uniform vec2 depthRange;
uniform float dotSize;             // pixels
uniform int mode;

out vec4 place;   // centre and depth in normalised device coordinates; how many σ the ellipse reaches
out vec4 axes;    // half axes of the ellipse, in normalised device coordinates
out vec4 tint;    // colour and opacity

const float NEAR = 0.01;
const float DILATION = 0.3;
const float SMALLEST_COMPENSATION = 0.005;
const float FAINTEST = 1.0 / 255.0;

// Three texels hold four coefficients; a last coefficient that is alone has one texel.
vec3 viewedColor(int chunk, int index, vec3 direction) {
    vec4 w[4];
    shWeights(direction, DEGREE, w);
    vec3 sum = vec3(0.5) + w[0].x * colorTexel(chunk, index, 0).rgb;
    for (int group = 0; group < GROUPS; ++group) {
        if (DEGREE == 2 && group == 2) {
            sum += w[2].x * colorTexel(chunk, index, 6).rgb;
            break;
        }
        vec4 a = colorTexel(chunk, index, 3 * group);
        vec4 b = colorTexel(chunk, index, 3 * group + 1);
        vec4 c = colorTexel(chunk, index, 3 * group + 2);
        if (group > 0) sum += w[group].x * a.rgb;
        sum += w[group].y * vec3(a.a, b.rg) + w[group].z * vec3(b.ba, c.r) + w[group].w * c.gba;
    }
    return max(sum, 0.0);
}

mat3 rotation(vec4 q) {
    float w = q.x, x = q.y, y = q.z, z = q.w;
    return mat3(1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z), 2.0 * (x * z - w * y),
                2.0 * (x * y - w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z + w * x),
                2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y));
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
    axes = vec4(0.0);
    tint = vec4(0.0);
}

void main() {
    int chunk = int(splat) / splatsPerChunk, index = int(splat) - chunk * splatsPerChunk;
    vec4 first = shapeTexel(chunk, index, 0);
    vec3 sizes = shapeTexel(chunk, index, 2).xyz;
    float opacity = first.a;
    vec3 mean = first.xyz;
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
    if (mode == MODE_DEPTH) {
        float t = (depth - depthRange.x) / max(depthRange.y - depthRange.x, 1e-30);
        tint.rgb = vec3(mix(0.95, 0.08, clamp(t, 0.0, 1.0)));
    } else {
        vec3 direction = orthographic ? eye : normalize(mean - eye);
#if defined(WARP) && DEGREE > 0
        // Seen from where it was seen at rest: the same as turning its coefficients.
        direction = turnedBack(turnOf(binding), direction);
#endif
        tint.rgb = viewedColor(chunk, index, direction);
    }
#ifdef STRAIN
    tint.rgb = strained(tint.rgb, strainOf(binding));
#endif
    if (mode == MODE_CENTERS) {
        axes = vec4(dotSize / viewport.x, 0.0, 0.0, dotSize / viewport.y);
        tint.a = 1.0;
        return;
    }

    // Rows of Jacobian × view × axes: what each axis of the splat becomes in the picture, y upwards.
#ifdef WARP
    mat3 shape = mat3(modelView) * (gradientOf(skin) * rotation(shapeTexel(chunk, index, 1)));
#else
    mat3 shape = mat3(modelView) * rotation(shapeTexel(chunk, index, 1));
#endif
    sizes *= size;
    vec3 across = vec3(shape[0].x, shape[1].x, shape[2].x) * sizes;
    vec3 upward = vec3(shape[0].y, shape[1].y, shape[2].y) * sizes;
    vec3 away = vec3(shape[0].z, shape[1].z, shape[2].z) * sizes;
    vec3 u = across * focal.x, v = upward * focal.y;
    if (!orthographic) {
        vec2 slope = clamp(position.xy / depth, slopeLow, slopeHigh);
        u = (across + slope.x * away) * (focal.x / depth);
        v = (upward + slope.y * away) * (focal.y / depth);
    }
    float xx = dot(u, u), xy = dot(u, v), yy = dot(v, v);
    vec3 normal = cross(u, v);
    float sharp = dot(normal, normal);
    float det = sharp + DILATION * (xx + yy) + DILATION * DILATION;
    if (compensate) opacity *= max(sqrt(sharp / det), SMALLEST_COMPENSATION);
    if (opacity < FAINTEST) {
        hide();
        return;
    }
    vec4 ellipse = halfAxes(xx + DILATION, xy, yy + DILATION, det);
    float radius = ceil(3.0 * length(ellipse.xy));
    if (any(greaterThan(abs(place.xy) * viewport - 2.0 * radius, viewport))) {
        hide();
        return;
    }
    place.w = sqrt(2.0 * log(opacity / FAINTEST));
    axes = ellipse * place.w * 2.0 / viewport.xyxy;
    tint.a = opacity;
}
#endif
