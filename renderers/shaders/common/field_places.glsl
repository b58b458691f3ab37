// A place on a ray through a field that may be bent. Comes after field_rays, field_warp (with WARP) and field_bricks.

// At rest, in cells, and the moved one in the map; whether it lies in the field at all; its brick, the slot of that,
// negative for none, and where in it; and how far the ray can go at once where nothing is.
struct Place { vec3 rest; vec3 voxel; bool there; ivec3 brick; int slot; vec3 origin; vec3 local; float skip; };

// Fills in the brick of p.rest.
void findBrick(inout Place p) {
    p.brick = clamp(ivec3(floor(p.rest * (1.0 / BRICK))), ivec3(0), textureSize(brickIndex, 0) - 1);
    p.slot = texelFetch(brickIndex, p.brick, 0).r;
    p.there = true;
    if (p.slot < 0) return;
    p.origin = slotOrigin(p.slot);
    p.local = clamp(p.rest - vec3(p.brick) * BRICK, 0.0, BRICK);
}

// What is at `t` of a ray.
Place placeAt(Ray ray, float t) {
    Place p;
    p.rest = ray.o + ray.d * t;
    p.voxel = p.origin = p.local = vec3(0.0);
    p.there = false;
    p.brick = ivec3(0);
    p.slot = -1;
    p.skip = t;
#ifdef WARP
    p.voxel = p.rest * voxelScale + voxelOffset;
    int kind = blockAt(p.voxel);
    if (kind < 0) {
        vec3 perT = 1.0 / (ray.d * voxelScale), middleVoxel = ray.o * voxelScale + voxelOffset;
        vec3 centre = (floor(p.voxel * (1.0 / float(WARP_BLOCK))) + 0.5) * float(WARP_BLOCK);
        vec3 exits = (centre - middleVoxel) * perT + abs(perT) * (float(WARP_BLOCK) * (-0.5 - float(kind)));
        p.skip = min(exits.x, min(exits.y, exits.z));
        return p;
    }
    if (!toRest(p.rest, p.voxel, kind) || any(lessThan(p.rest, boxLow)) || any(greaterThan(p.rest, boxHigh))) return p;
    findBrick(p);
#else
    findBrick(p);
    if (p.slot < 0) p.skip = emptyUntil(ray.o, 1.0 / ray.d, p.brick, p.slot);
#endif
    return p;
}
