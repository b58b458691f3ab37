// What an ellipsoid covers in a picture, exactly. A point t of the unit ball, stretched to it, falls
// (u·t, v·t) / (1 + w·t) pixels away from the ellipsoid's centre.

struct Outline {
    vec2 low;      // pixels, relative to the centre
    vec2 high;
    bool bounded;  // false where it reaches behind the viewer
};

vec2 outlineAlong(vec3 u, vec3 w, float reach, float front) {
    float middle = -reach * reach * dot(u, w);
    float side = sqrt(middle * middle + front * reach * reach * dot(u, u));
    return vec2(middle - side, middle + side) / front;
}

// The box around the part of the ball within `reach`.
Outline outlineOf(vec3 u, vec3 v, vec3 w, float reach) {
    float front = 1.0 - reach * reach * dot(w, w);
    if (front <= 1e-6) return Outline(vec2(0.0), vec2(0.0), false);
    vec2 x = outlineAlong(u, w, reach, front), y = outlineAlong(v, w, reach, front);
    return Outline(vec2(x.x, y.x), vec2(x.y, y.y), true);
}

// Half the longer axis, in pixels, of the ellipse that the linear map at the centre makes of it.
float majorOf(vec3 u, vec3 v) {
    float xx = dot(u, u), xy = dot(u, v), yy = dot(v, v);
    return sqrt(0.5 * (xx + yy) + length(vec2(0.5 * (xx - yy), xy)));
}
