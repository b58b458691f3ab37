// The ground: lines on the plane through the origin, found for each pixel by intersecting its ray with the plane, so that
// the grid has no end. Coordinates are (along the plane, along the plane, up), relative to the camera, in world units.

#ifdef VERTEX_SHADER
uniform mat3 rayTurn;    // camera → plane coordinates
uniform vec4 pixelRay;   // camera-space x, y per unit of NDC (xy), and at NDC 0 (zw), on the plane one unit ahead
uniform bool orthographic;

out vec3 origin;  // relative to the camera
out vec3 ray;     // advances the distance along the viewing axis by 1

void main() {
    vec2 corner = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2) * 2.0 - 1.0;
    vec2 pixel = corner * pixelRay.xy + pixelRay.zw;
    origin = orthographic ? rayTurn * vec3(pixel, 0.0) : vec3(0.0);
    ray = rayTurn * vec3(orthographic ? vec2(0.0) : pixel, -1.0);
    gl_Position = vec4(corner, 0.0, 1.0);
}
#endif

#ifdef FRAGMENT_SHADER
uniform float height;        // of the camera above the plane
uniform float spacing;       // of the finest lines
uniform float transition;    // 0 … 1: how far these have given way to ten times the spacing
uniform vec2 phase;          // camera on the plane in spacings, modulo 1000
uniform vec2 fromAxes;       // camera on the plane, from the origin
uniform vec2 fromCentre;     // camera on the plane, from where the grid is centred
uniform float radius;        // where it has faded out
uniform vec4 depthRow;       // clip z = x·distance + y, clip w = z·distance + w
uniform vec3 lineColor;      // sRGB
uniform vec3 firstColor;     // of the line along the first axis of the plane
uniform vec3 secondColor;

in vec3 origin;
in vec3 ray;
out vec4 color;

const float MINOR = 0.55;
const float MAJOR = 1.0;

// Coverage of lines one pixel wide at every whole number. Lines closer than a few pixels fade before they can alias.
float lines(vec2 place, vec2 perPixel) {
    vec2 away = abs(fract(place - 0.5) - 0.5) / perPixel;
    vec2 covered = clamp(1.1 - away, 0.0, 1.0) * (1.0 - smoothstep(0.08, 0.30, perPixel));
    return max(covered.x, covered.y);
}

void main() {
    float along = -(height + origin.z) / ray.z;
    vec2 hit = origin.xy + along * ray.xy;
    vec2 perPixel = max(vec2(length(vec2(dFdx(hit.x), dFdy(hit.x))), length(vec2(dFdx(hit.y), dFdy(hit.y)))), 1e-30);
    float reach = length(hit + fromCentre) / radius;
    if (!(along > 0.0) || reach >= 1.0) discard;

    vec2 place = hit / spacing + phase, cells = perPixel / spacing;
    float strength = MINOR * (1.0 - transition) * lines(place, cells);
    strength = max(strength, mix(MAJOR, MINOR, transition) * lines(place / 10.0, cells / 10.0));
    strength = max(strength, MAJOR * lines(place / 100.0, cells / 100.0));

    vec2 away = abs(hit + fromAxes).yx / perPixel.yx;
    vec2 axis = clamp(1.35 - away, 0.0, 1.0);
    vec3 tint = mix(mix(lineColor, secondColor, axis.y), firstColor, axis.x);
    strength = max(strength, max(axis.x, axis.y));

    // Seen edge-on all lines run together, so they give way; from below the ground is only hinted at.
    float slope = abs(ray.z) / length(ray);
    strength *= (1.0 - smoothstep(0.25, 1.0, reach)) * smoothstep(0.0, 0.07, slope);
    strength *= height * sign(-ray.z) >= 0.0 && ray.z < 0.0 ? 1.0 : 0.45;
    if (strength < 0.004) discard;
    color = vec4(tint * strength, strength);
    float depth = (depthRow.x * along + depthRow.y) / (depthRow.z * along + depthRow.w);
    gl_FragDepth = clamp(0.5 * depth + 0.5, 0.0, 1.0);
}
#endif
