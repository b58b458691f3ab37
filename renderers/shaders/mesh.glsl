// One instance of one mesh part. MODE is one of the MODE_* below; *_TEXTURE, VERTEX_COLOR, ALPHA_* and FLAT are defined
// where they apply, so that a software GL computes nothing that is not there. EDGES comes from mesh_edges.glsl. WARP: the
// instance follows the nodes of a warp; STRAIN: and shows how much.

#define MODE_SHADED 0
#define MODE_BASE_COLOR 1
#define MODE_NORMALS 2
#define MODE_WIREFRAME 3
#define MODE_DEPTH 4

#include "common/surface.glsl"

#ifdef VERTEX_SHADER
layout(location = 0) in vec3 position;
layout(location = 1) in vec3 normal;
layout(location = 2) in vec2 uv;
layout(location = 3) in vec4 color;

#ifdef WARP
#include "common/warp.glsl"
layout(location = BINDING_LOCATION) in uvec4 binding[INFLUENCES / 4];

uniform mat4 placed;        // from the part to where the nodes move things; modelView and normalMatrix lead on
uniform mat3 placedNormal;
#endif

uniform mat4 modelView;
uniform mat3 normalMatrix;
uniform mat4 projection;

out Varying SURFACE to;

void main() {
    vec3 place = position, upright = normal;
#ifdef WARP
    Skin skin = skinOf(binding);
    place = moved(skin, (placed * vec4(position, 1.0)).xyz);
    upright = movedNormal(skin, placedNormal * normal);
#endif
#ifdef STRAIN
    to.strain = strainOf(binding);
#endif
    vec4 p = modelView * vec4(place, 1.0);
    to.position = p.xyz;
    to.normal = normalMatrix * upright;
    to.uv = uv;
    to.color = color;
    gl_Position = projection * p;
}
#endif

#ifdef FRAGMENT_SHADER
#include "common/color.glsl"
#include "common/lighting.glsl"

uniform vec4 baseColor;      // linear
uniform float metallic;
uniform float roughness;
uniform vec3 emissive;       // linear
uniform float alphaCutoff;
uniform bool orthographic;
uniform mat3 cameraToWorld;
uniform vec2 depthRange;     // nearest and farthest distance that is shown, for MODE_DEPTH
uniform vec4 edgeColor;      // sRGB, straight alpha
uniform float edgeWidth;     // pixels

uniform sampler2D baseColorTexture;
uniform sampler2D metallicRoughnessTexture;
uniform sampler2D normalTexture;
uniform sampler2D occlusionTexture;
uniform sampler2D emissiveTexture;

in Varying SURFACE from;
#ifdef STRAIN
#include "common/strain.glsl"
#endif
#ifdef EDGES
noperspective in vec3 edgeDistance;
flat in float triangleHeight;
#endif
out vec4 fragment;

// Images hold their upper row first; texture coordinates count upwards.
vec2 imagePosition() {
    return vec2(from.uv.x, 1.0 - from.uv.y);
}

vec4 surfaceColor() {
    vec4 c = baseColor;
#ifdef VERTEX_COLOR
    c *= vec4(srgbToLinear(from.color.rgb), from.color.a);
#endif
#ifdef BASE_COLOR_TEXTURE
    c *= texture(baseColorTexture, imagePosition());
#endif
    return c;
}

vec3 toEye() {
    return orthographic ? vec3(0.0, 0.0, 1.0) : normalize(-from.position);
}

// The normal of the triangle itself, towards the viewer.
vec3 faceNormal() {
    vec3 n = cross(dFdx(from.position), dFdy(from.position));
    float size = length(n);
    vec3 eye = toEye();
    return size > 0.0 ? n * (dot(n, eye) < 0.0 ? -1.0 : 1.0) / size : eye;
}

// The interpolated normal, on the side of the surface that is seen, whichever way the triangle winds.
vec3 shadingNormal() {
    vec3 face = faceNormal();
#ifdef FLAT
    return face;
#else
    float size = length(from.normal);
    if (size < 1e-12) return face;
    vec3 n = from.normal / size;
    n = dot(n, face) < 0.0 ? -n : n;
#ifdef NORMAL_TEXTURE
    // The tangent frame from screen derivatives (Mikkelsen 2010; Schüler, ShaderX5): no tangents are needed.
    vec3 px = dFdx(from.position), py = dFdy(from.position);
    vec2 tx = dFdx(from.uv), ty = dFdy(from.uv);
    vec3 ax = cross(py, n), ay = cross(n, px);
    vec3 tangent = ax * tx.x + ay * ty.x, bitangent = ax * tx.y + ay * ty.y;
    // Both axes turn round with the sign of the pixel grid's frame, which depends on the side that n points to.
    float turn = dot(cross(px, py), n) < 0.0 ? -1.0 : 1.0;
    float scale = turn * inversesqrt(max(max(dot(tangent, tangent), dot(bitangent, bitangent)), 1e-30));
    vec3 bump = texture(normalTexture, imagePosition()).xyz * 2.0 - 1.0;
    vec3 bumped = tangent * (scale * bump.x) + bitangent * (scale * bump.y) + n * bump.z;
    n = dot(bumped, bumped) > 1e-12 ? normalize(bumped) : n;
#endif
    return n;
#endif
}

vec3 litColor(vec3 albedo) {
    Surface s;
    s.albedo = albedo;
    s.metallic = metallic;
    s.roughness = roughness;
    s.occlusion = 1.0;
#ifdef METALLIC_ROUGHNESS_TEXTURE
    vec4 mr = texture(metallicRoughnessTexture, imagePosition());
    s.metallic *= mr.b;
    s.roughness *= mr.g;
#endif
#ifdef OCCLUSION_TEXTURE
    s.occlusion = texture(occlusionTexture, imagePosition()).r;
#endif
    s.normal = shadingNormal();
    s.toEye = toEye();
    vec3 light = shade(s) + emissive
#ifdef EMISSIVE_TEXTURE
        * texture(emissiveTexture, imagePosition()).rgb
#endif
        ;
    return linearToSrgb(toneMapNeutral(light));
}

vec3 depthShade() {
    float t = (-from.position.z - depthRange.x) / max(depthRange.y - depthRange.x, 1e-30);
    return vec3(mix(0.95, 0.08, clamp(t, 0.0, 1.0)));
}

void main() {
    vec4 base = surfaceColor();
#ifdef ALPHA_MASK
    if (base.a < alphaCutoff) discard;
#endif
#ifndef ALPHA_BLEND
    base.a = 1.0;
#endif

#if MODE == MODE_SHADED
    vec3 shown = litColor(base.rgb);
#elif MODE == MODE_BASE_COLOR
    vec3 shown = linearToSrgb(base.rgb);
#elif MODE == MODE_NORMALS
#ifdef FLAT
    vec3 n = faceNormal();
#else
    vec3 n = dot(from.normal, from.normal) > 0.0 ? normalize(from.normal) : faceNormal();
#endif
    vec3 shown = cameraToWorld * n * 0.5 + 0.5;
#elif MODE == MODE_DEPTH
    vec3 shown = depthShade();
#else
    vec3 shown = edgeColor.rgb;
#endif

#ifdef STRAIN
    shown = strained(shown, from.strain);
#endif

#ifdef EDGES
    float nearest = min(edgeDistance.x, min(edgeDistance.y, edgeDistance.z));
    float room = smoothstep(1.5, 8.0, triangleHeight / edgeWidth);
#if MODE == MODE_WIREFRAME
    if (nearest > 0.5 * edgeWidth) discard;
    // Where lines fill the picture, only their shade still tells the form.
    float facing = abs(dot(shadingNormal(), toEye()));
    shown *= mix(mix(0.15, 0.80, facing * facing), 1.0, 0.75 * room);
#else
    // Where triangles get smaller than a few lines, the lines give way, or the surface would drown in them.
    float line = clamp(0.5 * edgeWidth + 0.5 - nearest, 0.0, 1.0) * edgeColor.a * mix(0.2, 1.0, room);
    shown = mix(shown, edgeColor.rgb, line);
    base.a = mix(base.a, 1.0, line);
#endif
#endif
    fragment = vec4(shown * base.a, base.a);
}
#endif
