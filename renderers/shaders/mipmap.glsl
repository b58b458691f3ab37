// Halves one level of a texture into the next. The sampler and the target convert sRGB, so the average is of light.

#ifdef VERTEX_SHADER
void main() {
    gl_Position = vec4(vec2((gl_VertexID << 1) & 2, gl_VertexID & 2) * 2.0 - 1.0, 0.0, 1.0);
}
#endif

#ifdef FRAGMENT_SHADER
uniform sampler2D level;
uniform vec2 size;  // of the target

out vec4 color;

void main() {
    color = textureLod(level, gl_FragCoord.xy / size, 0.0);
}
#endif
