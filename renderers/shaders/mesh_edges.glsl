// A mesh with the edges of its triangles: mesh.glsl with the distance to each edge on the screen.

#define EDGES
#include "common/surface.glsl"

#ifdef GEOMETRY_SHADER
layout(triangles) in;
layout(triangle_strip, max_vertices = 3) out;

uniform vec2 viewportSize;

in Varying SURFACE from[];
out Varying SURFACE to;
noperspective out vec3 edgeDistance;  // pixels
flat out float triangleHeight;        // the smallest of the three, pixels

void main() {
    vec2 p[3];
    bool behind = false;
    for (int i = 0; i < 3; ++i) {
        behind = behind || gl_in[i].gl_Position.w <= 0.0;
        p[i] = 0.5 * viewportSize * gl_in[i].gl_Position.xy / gl_in[i].gl_Position.w;
    }
    float area = abs((p[1].x - p[0].x) * (p[2].y - p[0].y) - (p[1].y - p[0].y) * (p[2].x - p[0].x));
    // A triangle through the camera's plane has no place on the screen to measure; it gets no lines.
    vec3 heights = vec3(1e4);
    if (!behind) {
        for (int i = 0; i < 3; ++i) heights[i] = area / max(length(p[(i + 2) % 3] - p[(i + 1) % 3]), 1e-6);
    }
    for (int i = 0; i < 3; ++i) {
        edgeDistance = behind ? vec3(1e4) : vec3(0.0);
        edgeDistance[i] = heights[i];
        triangleHeight = min(heights.x, min(heights.y, heights.z));
        to.position = from[i].position;
        to.normal = from[i].normal;
        to.uv = from[i].uv;
        to.color = from[i].color;
#ifdef STRAIN
        to.strain = from[i].strain;
#endif
        gl_Position = gl_in[i].gl_Position;
        EmitVertex();
    }
    EndPrimitive();
}
#endif

#include "mesh.glsl"
