// How a pixel of a splat is painted, given its squared distance from the centre in σ.
//
// DOTS: one opacity, up to 1 σ. RINGS: an outline at `extent` σ around a faint inside. OVERDRAW: each adds a bit of heat.

#ifdef RINGS
uniform float extent;
#endif

const float FAINTEST = 1.0 / 255.0;

vec4 splatFragment(vec4 color, float square) {
#if defined(DOTS)
    if (square > 1.0) discard;
    float alpha = color.a;
#else
    float alpha = min(0.99, color.a * exp(-0.5 * square));
    if (alpha < FAINTEST) discard;
#endif
#if defined(RINGS)
    float distance = sqrt(square) / extent;
    if (distance > 1.0) discard;
    alpha = distance > RING_INSIDE ? RING_ALPHA : max(RING_FAINTEST, alpha * RING_SHARE);
#elif defined(OVERDRAW)
    return vec4(HEAT, HEAT_ALPHA);
#endif
    return vec4(color.rgb * alpha, alpha);
}
