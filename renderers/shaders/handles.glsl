// The marks of the drag tool: discs, diamonds, squares, lines and arrows as signed distances in logical pixels, so that
// they are sharp at any scale. One instance is one mark with its dark rim. y points down, as on the screen.

#ifdef VERTEX_SHADER
layout(location = 0) in vec4 ends;   // from and to; the same twice for what has one place
layout(location = 1) in vec4 form;   // half size, shape, width of the rim, opacity
layout(location = 2) in vec4 fill;   // sRGB, and the distance along the viewing axis; below -1e29: always in front

uniform vec2 viewport;               // logical pixels
uniform bool hasDepth;
uniform sampler2D depths;            // of the picture below
uniform vec2 planes;                 // near and far of that picture
uniform bool orthographic;

flat out vec4 line;
flat out vec4 shape;
flat out vec3 tint;
out vec2 place;

const float HIDDEN = 0.45;           // opacity of what lies behind the shape
const float SLACK = 0.02;            // share of the distance by which it must lie behind: marks lie on the surface

bool hidden() {
    float depth = textureLod(depths, ends.zw / viewport * vec2(1.0, -1.0) + vec2(0.0, 1.0), 0.0).r;
    float near = planes.x, far = planes.y;
    float seen = orthographic ? near + depth * (far - near) : near * far / (far - depth * (far - near));
    return depth < 1.0 && fill.a > seen + SLACK * abs(seen);
}

void main() {
    vec2 way = ends.zw - ends.xy;
    float reach = length(way);
    vec2 along = reach > 1e-4 ? way / reach : vec2(1.0, 0.0);
    // Heads of arrows are wider than their shafts, and corners reach farther than sides.
    float pad = form.x * (form.y == 4.0 ? 4.0 : 1.5) + 2.0 * form.z + 1.5;
    float end = float(gl_VertexID & 1), side = float(gl_VertexID >> 1) * 2.0 - 1.0;
    place = mix(ends.xy - along * pad, ends.zw + along * pad, end) + vec2(-along.y, along.x) * side * pad;
    line = ends;
    shape = form;
    if (hasDepth && fill.a > -1e29 && hidden()) shape.w *= HIDDEN;
    tint = fill.rgb;
    gl_Position = vec4(place / viewport * vec2(2.0, -2.0) + vec2(-1.0, 1.0), 0.0, 1.0);
}
#endif

#ifdef FRAGMENT_SHADER
uniform float pixelRatio;

flat in vec4 line;
flat in vec4 shape;
flat in vec3 tint;
in vec2 place;
out vec4 color;

const vec3 INK = vec3(0.055, 0.063, 0.075);
const float HEAD_LENGTH = 8.0, HEAD_WIDTH = 3.5;  // of an arrow, in half widths of its shaft

float segment(vec2 p, vec2 a, vec2 b) {
    vec2 ab = b - a;
    return length(p - a - ab * clamp(dot(p - a, ab) / max(dot(ab, ab), 1e-6), 0.0, 1.0));
}

float arrow(vec2 p, vec2 a, vec2 b, float half_width) {
    vec2 along = (b - a) / max(length(b - a), 1e-4);
    float size = min(HEAD_LENGTH * half_width, length(b - a));
    float wide = HEAD_WIDTH * half_width;
    vec2 back = b - p;
    vec2 head = vec2(dot(back, along), abs(dot(back, vec2(-along.y, along.x))));
    float slope = (head.y * size - head.x * wide) / length(vec2(size, wide));
    return min(max(slope, head.x - size), segment(p, a, b - along * size * 0.9) - half_width);
}

float distance_to_shape(vec2 p) {
    vec2 q = abs(p - line.xy);
    switch (int(shape.y)) {
        case 0: return length(q) - shape.x;
        case 1: return (q.x + q.y - shape.x) * 0.70710678;
        case 2: return max(q.x, q.y) - shape.x;
        case 3: return segment(p, line.xy, line.zw) - shape.x;
        default: return arrow(p, line.xy, line.zw, shape.x);
    }
}

float covered(float away) {
    return clamp(0.5 - away * pixelRatio, 0.0, 1.0);
}

void main() {
    float away = distance_to_shape(place);
    float inside = covered(away), whole = covered(away - shape.z);
    float alpha = whole * shape.w;
    color = vec4(mix(INK, tint, inside) * alpha, alpha);
}
#endif
