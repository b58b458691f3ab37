// Activations of a field's outputs, and the map of a quantity to colour. A softplus must not vanish where it is tiny:
// families make the last sample of a ray so long that next to nothing is opaque.

#define FIELD_FUNCTIONS(T) \
    T sigmoid(T x) { return 1.0 / (1.0 + exp(-x)); } \
    T softplus(T x) { \
        T e = exp(-abs(x)); \
        return max(x, T(0.0)) + mix(log(1.0 + e), e - 0.5 * e * e, step(e, T(1e-3))); \
    }

FIELD_FUNCTIONS(float)
FIELD_FUNCTIONS(vec3)

// The map of a quantity 0 … 1 to sRGB. VIRIDIS(t) comes from colormap.py.
vec3 viridis(float t) {
    return clamp(VIRIDIS(clamp(t, 0.0, 1.0)), 0.0, 1.0);
}
