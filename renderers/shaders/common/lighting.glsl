// The studio: three soft lights and a room, all fixed to the camera, so that an asset is well lit from every side.
// Directions are in camera space: x right, y up, z towards the viewer.
//
// Metallic-roughness as in glTF 2.0 (appendix B): Lambert, GGX with the height-correlated Smith term in Hammon's form
// (GDC 2017), Schlick's Fresnel. The room is a smooth function of direction, so it needs no texture: its diffuse part
// is evaluated along the normal, its specular part along the reflected ray, blurred by roughness, and scaled by Karis'
// fit of the split-sum integral ("Physically based shading on mobile", 2014).

const float PI = 3.14159265;

struct Surface {
    vec3 albedo;      // linear base colour
    float metallic;
    float roughness;
    float occlusion;
    vec3 normal;      // unit, towards the viewer
    vec3 toEye;       // unit
};

struct Light {
    vec3 direction;
    vec3 radiance;    // what a white wall facing it reflects, times π
    float size;       // sine of its angular radius: softens the terminator and widens highlights
};

const Light KEY = Light(vec3(-0.4472, 0.6261, 0.6388), vec3(2.30, 2.21, 2.07), 0.35);
const Light FILL = Light(vec3(0.8771, 0.0975, 0.4703), vec3(0.34, 0.39, 0.46), 0.50);
const Light RIM = Light(vec3(0.3922, 0.5322, -0.7503), vec3(1.75, 1.86, 2.05), 0.30);
const vec3 SKY = vec3(0.42, 0.445, 0.48);
const vec3 GROUND = vec3(0.105, 0.098, 0.092);

// Irradiance of a round light that is partly below the horizon, instead of a hard cut at it.
float softCosine(float c, float size) {
    float t = clamp(c + size, 0.0, 2.0 * size);
    return max(c, t * t / (4.0 * size));
}

vec3 roomDiffuse(vec3 n) {
    return mix(GROUND, SKY, 0.5 + 0.5 * n.y);
}

// What smooth metal shows: walls from floor to ceiling, a large panel above the viewer, a small one at the right, a
// weak glow behind the viewer, and the dark of the studio between them. Edges soften with roughness until only the gradient is left.
vec3 roomSpecular(vec3 r, float roughness) {
    float blur = 0.06 + 0.95 * roughness;
    float dark = 0.45 + 0.55 * roughness;
    vec3 room = mix(GROUND, SKY, smoothstep(-0.35 - blur, 0.75 + blur, r.y)) * dark;
    float above = smoothstep(-blur, blur, dot(r, vec3(-0.37, 0.74, 0.56)) - 0.72);
    float side = smoothstep(-blur, blur, dot(r, vec3(0.93, 0.10, 0.35)) - 0.86);
    float front = smoothstep(-0.2, 1.0, r.z) * smoothstep(-0.3 - blur, 0.8 + blur, r.y);
    float panels = mix(1.9, 0.30, min(1.0, roughness * 1.8));
    return room + front * mix(0.65, 0.25, min(1.0, roughness * 1.8)) + panels * (above * vec3(1.20, 1.17, 1.12) + side * vec3(0.62, 0.66, 0.72));
}

vec2 splitSum(float roughness, float nv) {
    vec4 r = roughness * vec4(-1.0, -0.0275, -0.572, 0.022) + vec4(1.0, 0.0425, 1.04, -0.04);
    float a = min(r.x * r.x, exp2(-9.28 * nv)) * r.x + r.y;
    return vec2(-1.04, 1.04) * a + r.zw;
}

vec3 shadeLight(Light light, Surface s, vec3 f0, float nv, float alpha) {
    float cosine = dot(s.normal, light.direction);
    vec3 h = normalize(light.direction + s.toEye);
    float nl = max(cosine, 0.0), nh = max(dot(s.normal, h), 0.0), vh = max(dot(s.toEye, h), 0.0);
    // A light of some size acts on a highlight like more roughness, with its energy kept by the wider distribution.
    float a = min(1.0, alpha + 0.35 * light.size);
    float a2 = a * a;
    float d = (nh * a2 - nh) * nh + 1.0;
    float distribution = a2 / (PI * d * d);
    float visibility = 0.5 / mix(2.0 * nl * nv, nl + nv, alpha + 1e-3);
    float grazing = 1.0 - vh;
    float g2 = grazing * grazing;
    vec3 fresnel = f0 + (1.0 - f0) * (g2 * g2 * grazing);
    vec3 diffuse = (1.0 - fresnel) * (1.0 - s.metallic) * s.albedo * (softCosine(cosine, light.size) / PI);
    return light.radiance * (diffuse + fresnel * (distribution * visibility * nl));
}

vec3 shade(Surface s) {
    float alpha = max(s.roughness * s.roughness, 0.002);
    float nv = clamp(dot(s.normal, s.toEye), 1e-3, 1.0);
    vec3 f0 = mix(vec3(0.04), s.albedo, s.metallic);
    vec2 fit = splitSum(s.roughness, nv);
    vec3 specularAlbedo = f0 * fit.x + fit.y;
    // What single scattering loses between the facets of rough metal comes back (Fdez-Agüera 2019, simplified).
    vec3 compensation = 1.0 + f0 * (1.0 / (fit.x + fit.y) - 1.0);

    vec3 direct = shadeLight(KEY, s, f0, nv, alpha) + shadeLight(FILL, s, f0, nv, alpha) + shadeLight(RIM, s, f0, nv, alpha);
    vec3 diffuse = roomDiffuse(s.normal) * s.albedo * (1.0 - s.metallic) * (1.0 - specularAlbedo);
    vec3 specular = roomSpecular(reflect(-s.toEye, s.normal), s.roughness) * specularAlbedo * compensation;
    return direct + (diffuse + specular) * s.occlusion;
}
