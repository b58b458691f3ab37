// How elements follow the nodes of a warp: assets/deform/binding.py in f32, on positions relative to the rig's centre.
//
// INFLUENCES: nodes of an element. NODE_TEXELS: how the buffer holds a node: three rows of [A − 1 | t], so that what
// rests stays where it is to the last bit; the quaternion w x y z; how much it feels the drag, and its stretch.

uniform samplerBuffer nodes;

// Rows of Σ wₖ [Aₖ − 1 | tₖ].
struct Skin { vec4 x; vec4 y; vec4 z; };

// A binding has one word for each node: which one in the lower half, its weight in the upper.
int nodeOf(uint word) {
    return int(word & 0xffffu) * NODE_TEXELS;
}

float weightOf(uint word) {
    return float(word >> 16) / 65535.0;
}

Skin skinOf(uvec4 binding[INFLUENCES / 4]) {
    Skin skin = Skin(vec4(0.0), vec4(0.0), vec4(0.0));
    for (int k = 0; k < INFLUENCES; ++k) {
        uint word = binding[k / 4][k % 4];
        int node = nodeOf(word);
        float weight = weightOf(word);
        skin.x += weight * texelFetch(nodes, node);
        skin.y += weight * texelFetch(nodes, node + 1);
        skin.z += weight * texelFetch(nodes, node + 2);
    }
    return skin;
}

// D(p).
vec3 moved(Skin skin, vec3 p) {
    vec4 q = vec4(p, 1.0);
    return p + vec3(dot(skin.x, q), dot(skin.y, q), dot(skin.z, q));
}

// J, the gradient of D.
mat3 gradientOf(Skin skin) {
    return transpose(mat3(skin.x.xyz, skin.y.xyz, skin.z.xyz)) + mat3(1.0);
}

// What J makes of the direction of a normal: the cofactors of J times it, which is right where J is flat as well.
vec3 movedNormal(Skin skin, vec3 normal) {
    vec3 x = skin.x.xyz + vec3(1.0, 0.0, 0.0), y = skin.y.xyz + vec3(0.0, 1.0, 0.0), z = skin.z.xyz + vec3(0.0, 0.0, 1.0);
    return vec3(dot(cross(y, z), normal), dot(cross(z, x), normal), dot(cross(x, y), normal));
}

// The unit quaternion w x y z that turns with the element. A quaternion and its negative turn alike: all are taken on
// the side of the first node's.
vec4 turnOf(uvec4 binding[INFLUENCES / 4]) {
    vec4 first = texelFetch(nodes, nodeOf(binding[0].x) + 3), total = vec4(0.0);
    float rest = 1.0;
    for (int k = 0; k < INFLUENCES; ++k) {
        uint word = binding[k / 4][k % 4];
        vec4 turn = texelFetch(nodes, nodeOf(word) + 3);
        float weight = weightOf(word);
        total += (dot(turn, first) < 0.0 ? -weight : weight) * turn;
        rest -= weight;
    }
    total.x += first.x < 0.0 ? -rest : rest;
    return total / max(length(total), 1e-12);
}

// `v` turned by the inverse of a unit quaternion w x y z.
vec3 turnedBack(vec4 q, vec3 v) {
    vec3 t = 2.0 * cross(v, q.yzw);
    return v + q.x * t + cross(t, q.yzw);
}

// How much the element feels the drag, 0 … 1, and how far it is stretched, 1 at rest.
vec2 strainOf(uvec4 binding[INFLUENCES / 4]) {
    vec2 total = vec2(0.0, 1.0);
    for (int k = 0; k < INFLUENCES; ++k) {
        uint word = binding[k / 4][k % 4];
        total += weightOf(word) * (texelFetch(nodes, nodeOf(word) + 4).xy - vec2(0.0, 1.0));
    }
    return total;
}
