// One end of the orientation widget: a line from the middle, and a ball with a letter. Everything is a signed distance
// in logical pixels, so it is sharp at any scale.

#ifdef VERTEX_SHADER
uniform float extent;  // half the side of the widget, logical pixels

out vec2 place;

void main() {
    vec2 corner = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2) * 2.0 - 1.0;
    place = corner * extent;
    gl_Position = vec4(corner, 0.0, 1.0);
}
#endif

#ifdef FRAGMENT_SHADER
uniform vec2 end;          // centre of the ball, logical pixels from the middle
uniform float ballRadius;
uniform float lineWidth;   // 0: no line
uniform int letter;        // 0 … 2: X Y Z, -1: none
uniform bool ringed;
uniform vec3 tint;         // sRGB
uniform float opacity;
uniform float pixelRatio;

in vec2 place;
out vec4 color;

const vec3 INK = vec3(0.09, 0.10, 0.115);

float segment(vec2 p, vec2 a, vec2 b) {
    vec2 ab = b - a;
    return length(p - a - ab * clamp(dot(p - a, ab) / max(dot(ab, ab), 1e-6), 0.0, 1.0));
}

float covered(float away) {
    return clamp(0.5 - away * pixelRatio, 0.0, 1.0);
}

float glyph(vec2 p) {
    const float W = 2.5, H = 3.4;
    float stroke = letter == 0 ? min(segment(p, vec2(-W, -H), vec2(W, H)), segment(p, vec2(-W, H), vec2(W, -H)))
                 : letter == 1 ? min(min(segment(p, vec2(-W, H), vec2(0.0, 0.2)), segment(p, vec2(W, H), vec2(0.0, 0.2))),
                                     segment(p, vec2(0.0, 0.2), vec2(0.0, -H)))
                 : min(min(segment(p, vec2(-W, H), vec2(W, H)), segment(p, vec2(W, H), vec2(-W, -H))),
                       segment(p, vec2(-W, -H), vec2(W, -H)));
    return stroke - 0.75;
}

void main() {
    float ball = length(place - end) - ballRadius;
    float shape = covered(ball);
    float line = lineWidth > 0.0 ? covered(segment(place, vec2(0.0), end) - 0.5 * lineWidth) : 0.0;
    vec3 shown = tint;
    if (ringed) shown = mix(shown, vec3(0.95), covered(abs(ball + 0.5) - 0.5));
    if (letter >= 0) shown = mix(shown, INK, covered(glyph(place - end)));
    float alpha = max(shape, line) * opacity;
    color = vec4(shown * alpha, alpha);
}
#endif
