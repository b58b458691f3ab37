// Activations of a field's outputs, and the map of a quantity to colour.

#define FIELD_FUNCTIONS(T) \
    T sigmoid(T x) { return 1.0 / (1.0 + exp(-x)); } \
    T softplus(T x) { return max(x, T(0.0)) + log(1.0 + exp(-abs(x))); }

FIELD_FUNCTIONS(float)
FIELD_FUNCTIONS(vec3)

// The map of a quantity 0 … 1 to sRGB. VIRIDIS(t) comes from colormap.py.
vec3 viridis(float t) {
    return clamp(VIRIDIS(clamp(t, 0.0, 1.0)), 0.0, 1.0);
}
