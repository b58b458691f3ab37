// Lays a finished picture over its background. The picture is premultiplied and display-referred.

#ifdef VERTEX_SHADER
out vec2 uv;

void main() {
    uv = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
    gl_Position = vec4(uv * 2.0 - 1.0, 0.0, 1.0);
}
#endif

#ifdef FRAGMENT_SHADER
uniform sampler2D picture;
uniform bool hasPicture;
uniform sampler2D ghost;    // another one behind it, of which only a share is seen
uniform float ghostShare;
uniform vec4 top;       // background at the upper edge; alpha 0: transparent
uniform vec4 bottom;
uniform bool checker;   // shows transparency as a checkerboard of 8 logical pixels
uniform float checkerSize;

in vec2 uv;
out vec4 color;

void main() {
    vec4 background = mix(bottom, top, uv.y);
    if (checker) {
        ivec2 cell = ivec2(gl_FragCoord.xy / checkerSize);
        background = vec4(vec3(((cell.x + cell.y) & 1) == 0 ? 0.27 : 0.33), 1.0);
    }
    background.rgb *= background.a;
    vec4 front = hasPicture ? clamp(texture(picture, uv), 0.0, 1.0) : vec4(0.0);
    if (ghostShare > 0.0) front += (1.0 - front.a) * ghostShare * clamp(texture(ghost, uv), 0.0, 1.0);
    color = front + background * (1.0 - front.a);
}
#endif
