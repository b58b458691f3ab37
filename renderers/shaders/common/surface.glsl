// What a mesh hands from one stage to the next: `in Varying SURFACE from;`.

#ifdef STRAIN
#define SURFACE_STRAIN vec2 strain;
#else
#define SURFACE_STRAIN
#endif
// position: camera space. normal: camera space, not normalised.
#define SURFACE { vec3 position; vec3 normal; vec2 uv; vec4 color; SURFACE_STRAIN }
