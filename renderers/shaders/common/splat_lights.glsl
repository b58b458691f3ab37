// Lights up some splats, a bit each, in the order of the textures that hold them, and dims the others.

uniform isampler2D lit;  // LIT_ROW words in a row

vec3 lighted(vec3 color, int splat) {
    int word = splat / 32;
    int bits = texelFetch(lit, ivec2(word % LIT_ROW, word / LIT_ROW), 0).r;
    bool on = ((bits >> (splat % 32)) & 1) == 1;
    return on ? mix(color, LIT_COLOR, LIT_SHARE) : color * UNLIT_SHARE;
}
