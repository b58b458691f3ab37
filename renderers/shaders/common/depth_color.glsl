// Depth as a shade of grey: near is bright.

uniform vec2 depthRange;  // of the asset

vec3 depthColor(float depth) {
    float t = (depth - depthRange.x) / max(depthRange.y - depthRange.x, 1e-30);
    return vec3(mix(0.95, 0.08, clamp(t, 0.0, 1.0)));
}
