// Draws projected splats as shaded ellipsoids: for each pixel, where its ray enters the solid.
//
// In the frame where the solid is the unit ball around the origin, the ray passes e = x·stepX + y·stepY at the distance
// of the centre, and goes along g.

#ifdef VERTEX_SHADER
layout(location = 0) in vec4 place;
layout(location = 1) in vec4 stepX;
layout(location = 2) in vec4 stepY;
layout(location = 3) in vec4 along;
layout(location = 4) in vec4 tint;

uniform vec2 viewport;
uniform mat4 projection;

out vec2 pixel;        // from the centre
flat out vec3 ballX;
flat out vec3 ballY;
flat out vec3 ray;
flat out vec3 where;   // slopes of the ray through the centre, its distance
flat out vec3 color;

void main() {
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
    vec2 position = mix(vec2(stepX.w, stepY.w), vec2(along.w, tint.w), corner);
    pixel = (position - place.xy) * 0.5 * viewport;
    ballX = stepX.xyz;
    ballY = stepY.xyz;
    ray = along.xyz;
    vec2 shift = vec2(projection[2][0], projection[2][1]);
    where = vec3((place.xy + shift) / vec2(projection[0][0], projection[1][1]), place.z);
    color = tint.rgb;
    gl_Position = vec4(position, 0.0, 1.0);
}
#endif

#ifdef FRAGMENT_SHADER
in vec2 pixel;
flat in vec3 ballX;
flat in vec3 ballY;
flat in vec3 ray;
flat in vec3 where;
flat in vec3 color;
out vec4 fragment;

uniform mat4 projection;
uniform vec2 focal;
uniform bool orthographic;

const float NEAR = 0.01;

void main() {
    float depth = where.z;
    vec3 e = pixel.x * ballX + pixel.y * ballY;
    vec3 g = orthographic ? ray : ray + e / depth;
    float speed = length(g);
    vec3 d = g / speed;
    float nearest = dot(e, d);
    float square = nearest * nearest - dot(e, e) + 1.0;
    if (square < 0.0) discard;
    float way = -nearest - sqrt(square);
    float hit = depth + way / speed;
    if (hit <= NEAR) discard;
    vec3 onBall = e + way * d;
    vec2 perPixel = orthographic ? focal : focal / depth;
    vec3 x = ballX * perPixel.x, y = ballY * perPixel.y;
    vec2 slope = orthographic ? vec2(0.0) : where.xy;
    vec3 normal = vec3(dot(x, onBall), dot(y, onBall), dot(slope.x * x + slope.y * y - ray, onBall));
    // A light at the viewer's left shoulder.
    float light = 0.25 + 0.75 * max(dot(normalize(normal), vec3(-0.3015, 0.3015, 0.9045)), 0.0);
    vec2 clip = vec2(projection[2][2], projection[2][3]) * -hit + vec2(projection[3][2], projection[3][3]);
    gl_FragDepth = clamp(0.5 * clip.x / clip.y + 0.5, 0.0, 1.0);
    fragment = vec4(color * light, 1.0);
}
#endif
