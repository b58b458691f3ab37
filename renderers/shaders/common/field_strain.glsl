// What a drag reaches and stretches, of the places of a field.

#include "common/strain.glsl"
uniform sampler3D strainMap;     // of places at rest
uniform vec3 strainScale;        // cells → 0 … 1
uniform vec3 strainOffset;
