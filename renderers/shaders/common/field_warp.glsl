// The inverse map of a bent field: a sample lies at a moved place, and warpMap (see fields/warp_volume.py and deform/volume.py)
// says where that was at rest; assets/deform/volume.py computes the same.

uniform sampler3D warpMap;       // displacement · coverage in the asset's units, and coverage
uniform isampler3D warpBlocks;   // see fields/warp_volume.py
uniform vec3 voxelTexel;         // 1 / size of the map
uniform vec3 cellsPerUnit;
uniform vec3 voxelScale;         // cells → voxels of the map
uniform vec3 voxelOffset;

const float TORN = 1.001;        // coverage beyond which the map must not be interpolated

// Displacement · coverage, and coverage, at a place in voxels.
vec4 mapAt(vec3 voxel) {
    vec4 found = textureLod(warpMap, voxel / vec3(textureSize(warpMap, 0)), 0.0);
    if (found.a > TORN) found = texelFetch(warpMap, clamp(ivec3(voxel), ivec3(0), textureSize(warpMap, 0) - 1), 0);
    return found;
}

// The difference of the displacement along `axis` around `voxel`, per cell; false where it is not known.
bool slopeAt(vec3 voxel, int axis, out vec3 slope) {
    vec3 before = voxel, after = voxel;
    before[axis] -= 1.0;
    after[axis] += 1.0;
    vec4 low = mapAt(before), high = mapAt(after);
    slope = vec3(0.0);
    if (low.a < PRESENT || high.a < PRESENT || max(low.a, high.a) > TORN) return false;
    slope = (high.rgb / high.a - low.rgb / low.a) * cellsPerUnit * 0.5 * voxelScale[axis];
    return true;
}

// The gradient by moved places of what has the gradient `g` by rest places: the transpose of the map's derivative.
vec3 bentGradient(vec3 g, vec3 voxel) {
    vec3 bent = g, slope;
    for (int axis = 0; axis < 3; axis++)
        if (slopeAt(voxel, axis, slope)) bent[axis] += dot(slope, g);
    return bent;
}

// The direction at rest, both in cells, of what looks along `d` where it is now.
vec3 restDirection(vec3 d, vec3 voxel) {
    vec3 turned = d, slope;
    for (int axis = 0; axis < 3; axis++)
        if (slopeAt(voxel, axis, slope)) turned += slope * d[axis];
    return turned;
}

// Where the block around `voxel` has matter: what its index says, negative for none.
int blockAt(vec3 voxel) {
    ivec3 block = clamp(ivec3(voxel * (1.0 / float(WARP_BLOCK))), ivec3(0), textureSize(warpBlocks, 0) - 1);
    return texelFetch(warpBlocks, block, 0).r;
}

// Moves `place` to where it was at rest, by a block that is `kind`. Returns whether there is matter.
bool toRest(inout vec3 place, vec3 voxel, int kind) {
    if (kind == RESTING) return true;
    // Where two parts meet the nearest voxel counts alone: at its centre nothing is interpolated.
    vec3 at = kind == RENT ? floor(voxel) + 0.5 : voxel;
    vec4 found = textureLod(warpMap, at * voxelTexel, 0.0);
    if (found.a < PRESENT) return false;
    place += found.rgb / found.a * cellsPerUnit;
    return true;
}
