// Writes files with meshopt's own encoder, against which Triptych's decoder is tested.
//
//     npm install meshoptimizer@1.3.0 gltfpack@1.3.0; node meshopt_files.mjs FOLDER
//
// FOLDER gets streams (NAME.enc), what meshopt's own decoder makes of them (NAME.dec) with their layouts (cases.json),
// a torus and splats as plain glTF, and the splats compressed.
import { MeshoptDecoder, MeshoptEncoder } from "meshoptimizer";
import fs from "node:fs";

await MeshoptEncoder.ready;
await MeshoptDecoder.ready;
const folder = process.argv[2];
fs.mkdirSync(folder, { recursive: true });

let seed = 1;
function random() {
  seed = (seed * 1103515245 + 12345) & 0x7fffffff;
  return seed / 0x7fffffff;
}

// Streams.

const cases = [];

function keep(name, encoded, count, byteStride, mode, filter = "NONE") {
  const decoded = new Uint8Array(count * byteStride);
  MeshoptDecoder.decodeGltfBuffer(decoded, count, byteStride, encoded, mode, filter);
  cases.push({ name, count, byteStride, mode, filter });
  fs.writeFileSync(`${folder}/${name}.enc`, encoded);
  fs.writeFileSync(`${folder}/${name}.dec`, decoded);
}

// Channels of four bytes in turn: a smooth float, a smooth and a wild u16, noise, steps with jumps, zeros.
function rows(count, stride) {
  const bytes = new Uint8Array(count * stride);
  const floats = new Float32Array(bytes.buffer), shorts = new Uint16Array(bytes.buffer);
  for (let i = 0; i < count; i++)
    for (let k = 0; k < stride / 4; k++) {
      const at = i * stride + 4 * k, kind = (k + count) % 5;
      if (kind === 0) floats[at / 4] = Math.sin(i * 0.01 + k);
      if (kind === 1) shorts[at / 2] = 1000 * Math.sin(i * 0.02) + 3000 + 3 * random();
      if (kind === 1) shorts[at / 2 + 1] = 65536 * random();
      for (let b = 0; b < 4; b++) {
        if (kind === 2) bytes[at + b] = 256 * random();
        if (kind === 3) bytes[at + b] = (i >> 3) + (random() > 0.9 ? 50 : 0);
      }
    }
  return bytes;
}

for (const [version, level] of [[0, 0], [0, 2], [1, 0], [1, 1], [1, 2], [1, 3]])
  for (const [count, stride] of [[1, 4], [17, 256], [40, 100], [160, 20], [257, 4], [300, 16]]) {
    const encoded = MeshoptEncoder.encodeVertexBufferLevel(rows(count, stride), count, stride, level, version);
    keep(`rows-v${version}-level${level}-${count}x${stride}`, encoded, count, stride, "ATTRIBUTES");
  }

const number = 60;
const units = [3, 4].map((width) => {
  const values = new Float32Array(4 * number);
  for (let i = 0; i < number; i++) {
    const row = Array.from({ length: width }, () => random() - 0.5), length = Math.hypot(...row);
    row.forEach((value, k) => (values[4 * i + k] = value / length));
    if (width === 3) values[4 * i + 3] = i % 2 ? 1 : -1;
  }
  return values;
});
const colors = Float32Array.from({ length: 4 * number }, random);
const floats = Float32Array.from({ length: 3 * number }, () => (random() - 0.5) * 10 ** (6 * random() - 3));

function filtered(name, data, stride, filter) {
  const encoded = MeshoptEncoder.encodeVertexBufferLevel(data, number, stride, 2, 1);
  keep(name, encoded, number, stride, "ATTRIBUTES", filter);
}

for (const bits of [4, 8, 12, 16])
  for (const stride of bits > 8 ? [8] : [4, 8]) {
    filtered(`octahedral-${stride}-${bits}`, MeshoptEncoder.encodeFilterOct(units[0], number, stride, bits), stride, "OCTAHEDRAL");
    filtered(`color-${stride}-${bits}`, MeshoptEncoder.encodeFilterColor(colors, number, stride, bits), stride, "COLOR");
    if (stride === 8) filtered(`quaternion-${bits}`, MeshoptEncoder.encodeFilterQuat(units[1], number, 8, bits), 8, "QUATERNION");
  }
for (const bits of [5, 15, 23]) filtered(`exponential-${bits}`, MeshoptEncoder.encodeFilterExp(floats, number, 12, bits), 12, "EXPONENTIAL");

function indices(name, values, mode, size) {
  const source = new Uint8Array((size === 2 ? Uint16Array : Uint32Array).from(values).buffer);
  keep(name, MeshoptEncoder.encodeGltfBuffer(source, values.length, size, mode), values.length, size, mode);
}

for (const side of [2, 12]) {
  const grid = [];
  for (let y = 0; y + 1 < side; y++)
    for (let x = 0; x + 1 < side; x++) {
      const a = y * side + x;
      grid.push(a, a + 1, a + side, a + side, a + 1, a + side + 1);
    }
  const wild = grid.map(() => Math.floor(random() * 60000));
  const [order] = MeshoptEncoder.reorderMesh(Uint32Array.from(grid), true, true);
  for (const size of [2, 4]) {
    indices(`grid-${side}-${size}`, grid, "TRIANGLES", size);
    indices(`ordered-${side}-${size}`, grid.map((one) => order[one]), "TRIANGLES", size);
    indices(`wild-${side}-${size}`, wild, "TRIANGLES", size);
    indices(`sequence-${side}-${size}`, grid.concat(wild), "INDICES", size);
  }
  indices(`restarted-${side}`, grid.concat(grid), "TRIANGLES", 4);
}
indices("far", [0, 4294967295 >>> 3, 7, 1 << 28, 3], "INDICES", 4);
fs.writeFileSync(`${folder}/cases.json`, JSON.stringify(cases));

// Whole files.

function writeGlb(name, tree, parts) {
  let text = Buffer.from(JSON.stringify(tree));
  text = Buffer.concat([text, Buffer.alloc(-text.length & 3, " ")]);
  let data = Buffer.concat(parts);
  data = Buffer.concat([data, Buffer.alloc(-data.length & 3)]);
  const head = Buffer.alloc(20), middle = Buffer.alloc(8);
  head.write("glTF"), head.writeUInt32LE(2, 4), head.writeUInt32LE(28 + text.length + data.length, 8);
  head.writeUInt32LE(text.length, 12), head.writeUInt32LE(0x4e4f534a, 16);
  middle.writeUInt32LE(data.length), middle.writeUInt32LE(0x004e4942, 4);
  fs.writeFileSync(`${folder}/${name}`, Buffer.concat([head, text, middle, data]));
}

const types = { 1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4" };

// A file of attributes { name: [array, width, componentType, normalized, mode and filter or undefined] }.
function write(name, attributes, primitive, more) {
  const tree = { asset: { version: "2.0" }, scene: 0, scenes: [{ nodes: [0] }], nodes: [{ mesh: 0 }], ...more };
  const parts = [], accessors = [], views = [];
  let at = 0, plain = 0;
  for (const [array, width, componentType, normalized, coding] of Object.values(attributes)) {
    const count = array.length / width, accessor = { bufferView: views.length, componentType, count, type: types[width], normalized };
    if (componentType === 5126 && width === 3 && !accessors.length)
      for (const [bound, pick] of [["min", Math.min], ["max", Math.max]])
        accessor[bound] = [0, 1, 2].map((k) => array.filter((_, i) => i % 3 === k).reduce((a, b) => pick(a, b)));
    accessors.push(accessor);
    if (!coding) {
      parts.push(Buffer.from(array.buffer), Buffer.alloc(-array.byteLength & 3));
      views.push({ buffer: 0, byteOffset: at, byteLength: array.byteLength });
      at += array.byteLength + (-array.byteLength & 3);
      continue;
    }
    const [rows, byteStride, filter] = coding;
    const encoded = MeshoptEncoder.encodeVertexBufferLevel(rows, count, byteStride, 2, 1);
    const KHR_meshopt_compression = { buffer: 0, byteOffset: at, byteLength: encoded.length, byteStride, count, mode: "ATTRIBUTES", filter };
    views.push({ buffer: 1, byteOffset: plain, byteLength: count * byteStride, byteStride, extensions: { KHR_meshopt_compression } });
    plain += count * byteStride;
    parts.push(Buffer.from(encoded), Buffer.alloc(-encoded.length & 3));
    at += encoded.length + (-encoded.length & 3);
  }
  tree.bufferViews = views, tree.accessors = accessors, tree.buffers = [{ byteLength: at }];
  if (plain) tree.buffers.push({ byteLength: plain, extensions: { KHR_meshopt_compression: { fallback: true } } });
  tree.meshes = [{ primitives: [primitive(Object.keys(attributes))] }];
  writeGlb(name, tree, parts);
}

const around = 16, across = 8, positions = [], normals = [], texture = [], painted = [], corners = [];
for (let u = 0; u <= around; u++)
  for (let v = 0; v <= across; v++) {
    const [a, b] = [(2 * Math.PI * u) / around, (2 * Math.PI * v) / across], ring = 2 + 0.7 * Math.cos(b);
    positions.push(ring * Math.cos(a), 0.7 * Math.sin(b), ring * Math.sin(a));
    normals.push(Math.cos(b) * Math.cos(a), Math.sin(b), Math.cos(b) * Math.sin(a));
    texture.push(u / around, v / across), painted.push(15 * u, 30 * v, 100, 255);
    const first = u * (across + 1) + v;
    if (u < around && v < across) corners.push(first, first + 1, first + across + 1, first + across + 1, first + 1, first + across + 2);
  }
const torus = {
  POSITION: [Float32Array.from(positions), 3, 5126], NORMAL: [Float32Array.from(normals), 3, 5126],
  TEXCOORD_0: [Float32Array.from(texture), 2, 5126], COLOR_0: [Uint8Array.from(painted), 4, 5121, true],
  indices: [Uint16Array.from(corners), 1, 5123],
};
const named = (names) => Object.fromEntries(names.map((name, index) => [name, index]));
write("torus.glb", torus, (names) => ({ attributes: named(names.slice(0, 4)), indices: 4, material: 0 }), {
  materials: [{ pbrMetallicRoughness: { baseColorTexture: { index: 0 } } }], textures: [{ source: 0 }],
  images: [{ uri: "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==" }],
});

const EXTENSION = "KHR_gaussian_splatting", some = 40;
const step = 1 / 1024;
const places = Float32Array.from({ length: 3 * some }, () => Math.round(random() * 4000) * step - 1);
const turns = Float32Array.from({ length: 4 * some }, (_, i) => units[1][i]);
const sizes = Float32Array.from({ length: 3 * some }, () => 0.01 + 0.05 * random());
const opacities = Uint8Array.from({ length: some }, () => 20 + 230 * random());
const terms = Float32Array.from({ length: 3 * some }, () => 2 * random() - 1);
const own = (name) => `${EXTENSION}:${name}`;
const shape = (names) => ({
  attributes: named(names), mode: 0,
  extensions: { [EXTENSION]: { kernel: "ellipse", colorSpace: "srgb_rec709_display", projection: "perspective", sortingMethod: "cameraDistance" } },
});
write("splats.glb", {
  POSITION: [places, 3, 5126], [own("ROTATION")]: [turns, 4, 5126], [own("SCALE")]: [sizes, 3, 5126],
  [own("OPACITY")]: [Float32Array.from(opacities, (value) => value / 255), 1, 5126],
  [own("SH_DEGREE_0_COEF_0")]: [terms, 3, 5126],
}, shape, { extensionsUsed: [EXTENSION] });

// The node brings quantised places back, and sizes with them.
const padded = (type, width, from, wide) => {
  const out = new type(some * wide);
  for (let i = 0; i < some; i++) for (let k = 0; k < width; k++) out[i * wide + k] = from(width * i + k);
  return new Uint8Array(out.buffer);
};
const exponents = (values, bits) => MeshoptEncoder.encodeFilterExp(values, some, 12, bits);
write("splats-packed.glb", {
  POSITION: [places, 3, 5123, false, [padded(Uint16Array, 3, (i) => Math.round((places[i] + 1) / step), 4), 8, "NONE"]],
  [own("ROTATION")]: [turns, 4, 5122, true, [MeshoptEncoder.encodeFilterQuat(turns, some, 8, 14), 8, "QUATERNION"]],
  [own("SCALE")]: [sizes, 3, 5126, false, [exponents(sizes.map((size) => size / step), 18), 12, "EXPONENTIAL"]],
  [own("OPACITY")]: [opacities, 1, 5121, true, [padded(Uint8Array, 1, (i) => opacities[i], 4), 4, "NONE"]],
  [own("SH_DEGREE_0_COEF_0")]: [terms, 3, 5126, false, [exponents(terms, 18), 12, "EXPONENTIAL"]],
}, shape, {
  extensionsUsed: [EXTENSION, "KHR_meshopt_compression", "KHR_mesh_quantization"],
  extensionsRequired: ["KHR_meshopt_compression", "KHR_mesh_quantization"],
  nodes: [{ mesh: 0, translation: [-1, -1, -1], scale: [step, step, step] }],
});
