// A plane of a field as a flat sheet in its box, with the picture of its features.

#ifdef VERTEX_SHADER
uniform mat4 modelView;
uniform mat4 projection;
uniform vec3 corner;      // where the first texel of the first row begins
uniform vec3 alongColumns;
uniform vec3 alongRows;

out vec2 place;

void main() {
    place = vec2(gl_VertexID & 1, gl_VertexID >> 1);
    gl_Position = projection * (modelView * vec4(corner + place.x * alongColumns + place.y * alongRows, 1.0));
}
#endif

#ifdef FRAGMENT_SHADER
uniform sampler2D features;

in vec2 place;
out vec4 fragment;

void main() {
    fragment = vec4(texture(features, place).rgb, 1.0);
}
#endif
