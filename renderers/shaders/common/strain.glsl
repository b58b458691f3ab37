// Colours what a drag reaches, and what it stretches too far.

uniform bool showHeat;
uniform bool showStretch;

const vec3 ACCENT = vec3(0.3529, 0.6627, 1.0);      // #5aa9ff
const vec3 WARNING = vec3(1.0, 0.7843, 0.3412);     // #ffc857
const float STRONGEST = 0.65;

// A display-referred colour under what strainOf() says of the element.
vec3 strained(vec3 color, vec2 strain) {
    if (showHeat) color = mix(color, ACCENT, STRONGEST * clamp(strain.x, 0.0, 1.0));
    if (showStretch) color = mix(color, WARNING, STRONGEST * smoothstep(2.0, 2.5, strain.y));
    return color;
}
