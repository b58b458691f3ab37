// Orders splats back to front on the card, by a radix sort of eight bits at a time; what is equal keeps its order.
//
// STEP_KEYS makes a key of each splat's depth, the largest for those that are not seen, and counts the seen ones. Then
// four times: STEP_COUNT how often each digit is in a block; STEP_SCAN how many of a digit are in earlier blocks;
// STEP_SCATTER puts every entry in its place. BLOCK: entries of a group of 256 threads. The order is that of
// splats/order.py to the last splat, so keys are computed without fused steps, and splats come in with the last first.

#ifdef COMPUTE_SHADER
layout(local_size_x = 256) in;

layout(std430, binding = 0) buffer FromKeys { uint fromKeys[]; };
layout(std430, binding = 1) buffer FromSplats { uint fromSplats[]; };
layout(std430, binding = 2) buffer ToKeys { uint toKeys[]; };
layout(std430, binding = 3) buffer ToSplats { uint toSplats[]; };
layout(std430, binding = 4) buffer Table { uint table[]; };    // digit by digit, its count in each block
layout(std430, binding = 5) buffer Totals { uint totals[]; };  // of each digit; then how many splats are seen

uniform int count;
uniform int blocks;
uniform int shift;

#ifdef STEP_KEYS
#include "common/splat_texels.glsl"
#include "common/splat_places.glsl"

uniform vec4 sides[5];    // of the frustum: normal, offset
uniform float reaches[5];
uniform float reach;      // σ beyond which nothing is drawn

shared uint seen;

float distanceFrom(int side, vec3 p) {
    precise float sum = sides[side].x * p.x;
    sum += sides[side].y * p.y;
    sum += sides[side].z * p.z;
    sum += sides[side].w;
    return sum;
}

void main() {
    int slot = int(gl_GlobalInvocationID.x);
    if (gl_LocalInvocationIndex == 0u) seen = 0u;
    barrier();
    if (slot < count) {
        int splat = count - 1 - slot, chunk = splat / splatsPerChunk, index = splat - chunk * splatsPerChunk;
        vec4 place = placeOf(chunk, index);
        vec3 sizes = shapeNumbers(chunk, index, 2).xyz;
        precise float far = reach * max(sizes.x, max(sizes.y, sizes.z));
        far *= place.w;
        float depth = distanceFrom(0, place.xyz);
        bool inside = depth > 0.0;
        for (int side = 1; side < 5; ++side) {
            precise float edge = -reaches[side] * far;
            inside = inside && distanceFrom(side, place.xyz) > edge;
        }
        toKeys[slot] = inside ? 0x7fffffffu - floatBitsToUint(depth) : 0xffffffffu;
        toSplats[slot] = uint(splat);
        if (inside) atomicAdd(seen, 1u);
    }
    barrier();
    if (gl_LocalInvocationIndex == 0u) atomicAdd(totals[256], seen);
}
#endif

#ifdef STEP_COUNT
shared uint counts[256];

void main() {
    int thread = int(gl_LocalInvocationIndex), block = int(gl_WorkGroupID.x);
    counts[thread] = 0u;
    barrier();
    for (int i = thread; i < BLOCK; i += 256) {
        int slot = block * BLOCK + i;
        if (slot < count) atomicAdd(counts[(fromKeys[slot] >> shift) & 255u], 1u);
    }
    barrier();
    table[thread * blocks + block] = counts[thread];
}
#endif

#if defined(STEP_SCAN) || defined(STEP_SCATTER)
shared uint sums[256];

// Of the threads up to this one, `value` included.
uint scanned(uint value) {
    uint thread = gl_LocalInvocationIndex;
    sums[thread] = value;
    barrier();
    for (uint step = 1u; step < 256u; step *= 2u) {
        uint before = thread >= step ? sums[thread - step] : 0u;
        barrier();
        sums[thread] += before;
        barrier();
    }
    return sums[thread];
}
#endif

#ifdef STEP_SCAN
void main() {
    int thread = int(gl_LocalInvocationIndex), digit = int(gl_WorkGroupID.x);
    uint before = 0u;
    for (int start = 0; start < blocks; start += 256) {
        int block = start + thread;
        uint own = block < blocks ? table[digit * blocks + block] : 0u;
        uint upTo = scanned(own);
        if (block < blocks) table[digit * blocks + block] = before + upTo - own;
        before += sums[255];
        barrier();
    }
    if (thread == 0) totals[digit] = before;
}
#endif

#ifdef STEP_SCATTER
shared uint places[256];      // of a digit's next entry
shared uint threads[8 * 256]; // which threads have a digit, 32 in a word

void main() {
    int thread = int(gl_LocalInvocationIndex), block = int(gl_WorkGroupID.x), word = thread >> 5;
    uint total = totals[thread];
    places[thread] = scanned(total) - total + table[thread * blocks + block];
    for (int i = 0; i < 8; ++i) threads[i * 256 + thread] = 0u;
    barrier();
    for (int start = 0; start < BLOCK; start += 256) {
        int slot = block * BLOCK + start + thread;
        uint key = slot < count ? fromKeys[slot] : 0u, digit = (key >> shift) & 255u, bit = 1u << (thread & 31);
        if (slot < count) atomicOr(threads[uint(word) * 256u + digit], bit);
        barrier();
        if (slot < count) {
            uint place = places[digit] + uint(bitCount(threads[uint(word) * 256u + digit] & (bit - 1u)));
            for (int i = 0; i < word; ++i) place += uint(bitCount(threads[uint(i) * 256u + digit]));
            toKeys[place] = key;
            toSplats[place] = fromSplats[slot];
        }
        barrier();
        for (int i = 0; i < 8; ++i) {
            places[thread] += uint(bitCount(threads[i * 256 + thread]));
            threads[i * 256 + thread] = 0u;
        }
        barrier();
    }
}
#endif
#endif
