"""Compressed and quantised glTF: against streams and files of meshopt's own encoder, and damaged ones."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.errors import BadFile
from assets.files.gltf import meshopt
from assets.formats import open_path
from assets.gaussians import Gaussians
from assets.mesh import Mesh
from assets.meshes.color_space import linear_from_srgb
from assets.meshes.exchange import to_trimesh
from assets.progress import run
from tests.assets.mesh_files import buffer_views, glb_bytes, same_surface
from tests.assets.splat_comparison import assert_within, far_apart, read, same_rows
from tests.processes import ROOT, refused

DATA = ROOT / "tests" / "data" / "meshopt"
STREAMS = dict(np.load(DATA / "streams.npz"))
CASES: list[dict[str, Any]] = json.loads(STREAMS["cases"].tobytes())
COMPONENTS = {"OCTAHEDRAL": "i", "QUATERNION": "i", "COLOR": "u"}


def stream(case: dict[str, Any]) -> bytes:
    """The compressed bytes of a case."""
    return STREAMS[f"{case['name']}.enc"].tobytes()


def off_by(case: dict[str, Any], ours: bytes, theirs: bytes) -> int:
    """The largest difference of the whole numbers that a filter gives."""
    kind = f"<{COMPONENTS[case['filter']]}{case['byteStride'] // 4}"
    return int(np.abs(np.frombuffer(ours, kind).astype(int) - np.frombuffer(theirs, kind).astype(int)).max())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_stream_of_their_encoder(case: dict[str, Any]) -> None:
    found = bytes(meshopt.decode(meshopt.read_layout(case), stream(case)))
    if "sha256" in case:
        assert hashlib.sha256(found).hexdigest() == case["sha256"]
    else:
        # The specification leaves one unit in the last place to the decoder.
        assert off_by(case, found, STREAMS[f"{case['name']}.dec"].tobytes()) <= 1


def test_the_example_of_the_specification() -> None:
    """16 differences of four bits: the only ones in a stream of 16 rows, in the first of four bytes."""
    group = bytes.fromhex("17 5f f0 bc 77 a9 21 00 34 b5")
    data = b"\xa0" + b"\x02" + group + b"\0\0\0" + bytes(32)
    layout = meshopt.read_layout({"count": 16, "byteStride": 4, "mode": "ATTRIBUTES"})
    rows = np.frombuffer(meshopt.decode(layout, data), np.int8).reshape(16, 4)
    expected = [-1, -4, -3, 26, -91, 0, -6, 6, -4, -4, 5, -5, 1, -1, 0, 0]
    assert np.diff(rows[:, 0], prepend=np.int8(0)).tolist() == expected and not rows[:, 1:].any()


@given(number=st.integers(0, len(CASES) - 1), where=st.floats(0, 0.999), value=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_stream_is_read_or_refused(number: int, where: float, value: int, cut: bool) -> None:
    case, data = CASES[number], bytearray(stream(CASES[number]))
    place = int(where * len(data))
    if cut:
        del data[place:]
    else:
        data[place] = value
    layout = meshopt.read_layout(case)
    try:
        assert len(meshopt.decode(layout, bytes(data))) == layout.nbytes
    except ValueError as error:
        assert str(error) and "\n" not in str(error)
        return
    assert not cut, "each stream says where it ends"


@pytest.mark.parametrize("mode", ["ATTRIBUTES", "TRIANGLES", "INDICES"])
@given(data=st.binary(max_size=200), count=st.integers(1, 400))
def test_noise_is_refused(mode: str, data: bytes, count: int) -> None:
    layout = meshopt.read_layout({"count": 3 * count, "byteStride": 4, "mode": mode})
    header = {"ATTRIBUTES": b"\xa1", "TRIANGLES": b"\xe1", "INDICES": b"\xd1"}[mode]
    for whole in (data, header + data):
        try:
            assert len(meshopt.decode(layout, whole)) == layout.nbytes
        except ValueError as error:
            assert str(error)


@pytest.mark.parametrize("mode, stride", [("ATTRIBUTES", 256), ("TRIANGLES", 4), ("INDICES", 2)])
def test_no_memory_is_taken_for_what_cannot_be_there(mode: str, stride: int) -> None:
    layout = meshopt.read_layout({"count": 3 * 10**13, "byteStride": stride, "mode": mode})
    with pytest.raises(ValueError, match="claims 30,000,000,000,000 elements in 1,000 bytes"):
        meshopt.decode(layout, b"\xa1" + bytes(999))


@pytest.mark.parametrize(
    "change, words",
    [
        ({"count": None}, "no count"),
        ({"count": -4}, "no count"),
        ({"byteStride": 6}, "rows of 6 bytes"),
        ({"byteStride": 260}, "rows of 260 bytes"),
        ({"mode": "LINES"}, "unknown mode 'LINES'"),
        ({"filter": "SOBEL"}, "unknown filter 'SOBEL'"),
        ({"filter": "QUATERNION"}, "on rows of 4 bytes"),
        ({"filter": ["NONE"]}, "unknown filter"),
        ({"mode": "TRIANGLES", "count": 4}, "4 indices of 4 bytes"),
        ({"mode": "INDICES", "byteStride": 8}, "indices of 8 bytes"),
    ],
)
def test_a_layout_that_is_impossible(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        meshopt.read_layout({"count": 6, "byteStride": 4, "mode": "ATTRIBUTES"} | change)


# Whole files.


def mesh_in(path: Path) -> Mesh:
    """The one mesh of a file."""
    (asset,) = run(open_path(path))
    assert isinstance(asset, Mesh)
    return asset


def assert_same_torus(path: Path) -> None:
    """The file is the torus after quantisation to 14 bits (texture coordinates 12, normals 8)."""
    plain, packed = mesh_in(DATA / "torus.glb"), mesh_in(path)
    assert same_surface(to_trimesh(packed), to_trimesh(plain), 2e-4) and not packed.provenance.warnings
    (part,), (theirs,) = packed.parts, plain.parts
    ((_, matrix),) = packed.instances()
    placed = part.vertices @ matrix[:3, :3].T + matrix[:3, 3]
    size, (u, v) = np.ptp(theirs.vertices), part.uv.T
    a, b = 2 * np.pi * u, 2 * np.pi * (1 - v)
    ring = 2 + 0.7 * np.cos(b)
    expected = np.stack([ring * np.cos(a), 0.7 * np.sin(b), ring * np.sin(a)], 1)
    assert np.abs(placed - expected).max() < 1e-3 * size, "texture coordinates lie where the vertices are"
    out = np.stack([np.cos(b) * np.cos(a), np.sin(b), np.cos(b) * np.sin(a)], 1)
    assert np.einsum("ij,ij->i", part.normals, out).min() > 0.999
    shades = [np.sort(linear_from_srgb(one.colors[:, :3] / 255), 0) for one in (part, theirs)]
    assert np.abs(shades[0] - shades[1]).max() < 2.5 / 255, "colours lose a bit, in linear light"


@pytest.mark.parametrize("name", ["torus-ext.glb", "torus-khr.glb"])
def test_what_gltfpack_has_made(name: str) -> None:
    assert_same_torus(DATA / name)


def assert_same_splats(packed: Path, plain: Path) -> None:
    """Quantised splats are the plain ones."""
    ours = read(packed)
    apart = far_apart(ours, same_rows(ours, read(plain)))
    assert_within(apart, means=1e-6, log_scales=1e-4, turn=1e-6, opacity=1e-6, dc=1e-4)


def test_compressed_splats() -> None:
    assert_same_splats(DATA / "splats-packed.glb", DATA / "splats.glb")


def packed_glb(views: int, entry: dict[str, Any], data: bytes, **more: Any) -> bytes:
    """A mesh of points whose `views` buffer views all hold the same stream."""
    coding = {"buffer": 0, "byteOffset": 0, "byteLength": len(data), **entry}
    view = {"buffer": 1, "byteOffset": 0, "byteLength": 12, "extensions": {"EXT_meshopt_compression": coding}}
    accessor = {"componentType": 5126, "type": "VEC3", "count": entry["count"]}
    attributes = [{"attributes": {"POSITION": index}, "mode": 0} for index in range(views)]
    tree = {
        "bufferViews": [view] * views,
        "accessors": [accessor | {"bufferView": index} for index in range(views)],
        "meshes": [{"primitives": attributes}],
        "buffers": [{"byteLength": len(data)}, {"byteLength": 10**9}],
    }
    return glb_bytes(tree | more, data)


def zeros(count: int, stride: int) -> bytes:
    """The shortest stream of so many rows of zeros."""
    blocks = -(-count // min(8192 // stride & ~15, 256))
    tail = stride + stride // 4
    return b"\xa1" + b"\xaa" * (stride // 4 * blocks) + bytes(max(tail, 24))


def test_a_damaged_view_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.glb"
    data = zeros(300, 12)
    entry = {"count": 300, "byteStride": 12, "mode": "ATTRIBUTES"}
    path.write_bytes(packed_glb(1, entry, data))
    (points,) = run(open_path(path))
    assert points.counts() == {"points": 300}
    path.write_bytes(packed_glb(1, entry, b"\xa2" + data[1:]))
    with pytest.raises(BadFile, match=r"is damaged \(the compressed bufferViews\[0\] has no known header\)\.$"):
        run(open_path(path))
    path.write_bytes(packed_glb(1, entry | {"byteLength": 10**6}, data))
    with pytest.raises(BadFile, match=r"bufferViews\[0\] ends behind"):
        run(open_path(path))


def test_a_bomb_of_zeros(tmp_path: Path) -> None:
    """A few KiB in many views are not unfolded to gigabytes."""
    count, path = 8_000_000, tmp_path / "bomb.glb"
    path.write_bytes(packed_glb(40, {"count": count, "byteStride": 12, "mode": "ATTRIBUTES"}, zeros(count, 12)))
    assert path.stat().st_size < 200_000
    with pytest.raises(BadFile, match="which is not believable"):
        run(open_path(path))


@pytest.mark.parametrize("places", [1, 60])
def test_splats_are_measured_by_what_lies_in_the_file(
    places: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """40 times what was unpacked would be enough for them to be placed as often as this."""
    count, path = 30_000, tmp_path / "a.glb"
    own = {f"KHR_gaussian_splatting:{name}": 0 for name in ("SCALE", "SH_DEGREE_0_COEF_0")}
    primitive = {"attributes": {"POSITION": 0, **own}, "mode": 0, "extensions": {"KHR_gaussian_splatting": {}}}
    entry = {"count": count, "byteStride": 12, "mode": "ATTRIBUTES"}
    nodes = {"nodes": [{"mesh": 0}] * places, "scenes": [{"nodes": list(range(places))}], "scene": 0}
    path.write_bytes(packed_glb(1, entry, zeros(count, 12), meshes=[{"primitives": [primitive]}], **nodes))
    monkeypatch.setattr("assets.files.gltf.splats.MOST_BYTES", 4 << 20)
    if places == 1:
        assert [len(asset) for asset in run(open_path(path))] == [count]
        return
    with pytest.raises(BadFile, match="MiB of splats, which is not believable"):
        run(open_path(path))


def test_an_extension_that_is_required_and_unknown(triptych, tmp_path: Path) -> None:
    entry = {"count": 300, "byteStride": 12, "mode": "ATTRIBUTES"}
    required = ["KHR_mesh_quantization", "EXT_meshopt_compression", "ACME_cubes"]
    (tmp_path / "a.glb").write_bytes(packed_glb(1, entry, zeros(300, 12), extensionsRequired=required))
    refused(triptych("a.glb", "--info"), "needs the glTF extension ACME_cubes, which is not supported")


QUANTISED = [("i1", True), ("u1", True), ("i2", True), ("u2", True), ("i1", False), ("u1", False), ("u2", False)]


@pytest.mark.parametrize("kind, normalised", QUANTISED)
def test_quantised_positions(kind: str, normalised: bool, tmp_path: Path) -> None:
    """KHR_mesh_quantization: integers, meant as they are or as shares of their largest."""
    largest = np.iinfo(kind).max
    corners = np.array([[0, 0, 0], [largest, 0, 0], [0, largest // 2, 0], [0, 0, 7]], kind)
    if kind[0] == "i":
        corners[3, 0] = -largest - 1 if normalised else -3
    uv = np.array([[0, 0], [4096, 0], [0, 2048], [1024, 4096]], np.uint16)
    normals = np.array([[0, 0, 127], [0, 127, 0], [127, 0, 0], [-128, 0, 0]], np.int8)
    # Rows of attributes begin at multiples of four bytes.
    wide = np.zeros((4, 4), kind), np.zeros((4, 4), np.int8)
    wide[0][:, :3], wide[1][:, :3] = corners, normals
    views, accessors, data = buffer_views(wide[0], wide[1], uv, np.array([0, 1, 2, 0, 2, 3], np.uint8))
    for index, rows in enumerate(wide):
        views[index]["byteStride"] = 4 * rows.itemsize
        accessors[index] |= {"type": "VEC3", "normalized": normalised if index == 0 else True}
    transform = {"KHR_texture_transform": {"scale": [1 / 4096, 1 / 4096]}}
    material = {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0, "extensions": transform}}}
    attributes = {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2}
    tree = {
        "bufferViews": views,
        "accessors": accessors,
        "materials": [material],
        "meshes": [{"primitives": [{"attributes": attributes, "indices": 3, "material": 0}]}],
        "extensionsRequired": ["KHR_mesh_quantization", "KHR_texture_transform"],
    }
    (tmp_path / "a.glb").write_bytes(glb_bytes(tree, data))
    (part,) = mesh_in(tmp_path / "a.glb").parts
    expected = np.maximum(corners / largest, -1) if normalised else corners.astype(float)
    assert np.allclose(part.vertices, expected, atol=1e-6)
    assert np.allclose(part.normals, [[0, 0, 1], [0, 1, 0], [1, 0, 0], [-1, 0, 0]], atol=1e-6)
    assert np.allclose(part.uv, np.array([0, 1]) + uv / 4096 * [1, -1])


@pytest.mark.parametrize("kind", ["i1", "i2"])
def test_quantised_splats(kind: str, tmp_path: Path) -> None:
    """Rotations as signed, sizes and opacities as unsigned shares, places as whole numbers that a node makes small."""
    largest, unsigned = np.iinfo(kind).max, kind.replace("i", "u")
    turns = np.array([[0, 0, 0, largest], [largest, 0, 0, 0], [0, round(0.6 * largest), 0, round(0.8 * largest)]], kind)
    places = np.array([[0, 0, 0], [1000, 2000, 3000], [60000, 5, 1]], np.uint16)
    sizes = np.full((3, 3), np.iinfo(unsigned).max // 2, unsigned)
    opacities = np.array([0.25, 0.5, 0.75]) * np.iinfo(unsigned).max
    terms = np.zeros((3, 3), np.float32)
    arrays = (places, turns, sizes, opacities.round().astype(unsigned), terms)
    views, accessors, data = buffer_views(*arrays)
    for index in (1, 2, 3):
        accessors[index]["normalized"] = True
    names = ["POSITION", *(f"KHR_gaussian_splatting:{name}" for name in ("ROTATION", "SCALE", "OPACITY"))]
    names.append("KHR_gaussian_splatting:SH_DEGREE_0_COEF_0")
    primitive = {
        "attributes": {name: index for index, name in enumerate(names)},
        "mode": 0,
        "extensions": {"KHR_gaussian_splatting": {"kernel": "ellipse", "colorSpace": "srgb_rec709_display"}},
    }
    tree = {
        "bufferViews": views,
        "accessors": accessors,
        "nodes": [{"mesh": 0, "scale": [0.001] * 3}],
        "scenes": [{"nodes": [0]}],
        "meshes": [{"primitives": [primitive]}],
    }
    (tmp_path / "a.glb").write_bytes(glb_bytes(tree, data))
    asset: Gaussians = read(tmp_path / "a.glb")
    # By 180° about z, from glTF's axes into those of a .ply.
    assert np.allclose(asset.means, places * [-0.001, -0.001, 0.001], atol=1e-5)
    assert np.allclose(np.exp(asset.log_scales), 0.0005, rtol=0.01)
    assert np.allclose(1 / (1 + np.exp(-asset.logit_opacities)), [0.25, 0.5, 0.75], atol=0.003)
    # w x y z, where the signs of x and y turn with the axes.
    expected = [[1, 0, 0, 0], [0, -1, 0, 0], [0.8, 0, -0.6, 0]]
    assert np.allclose(np.abs(asset.rotations), np.abs(expected), atol=0.003)
    assert asset.rotations[2, 0] * asset.rotations[2, 2] < 0


@pytest.mark.slow
def test_fresh_files_of_their_programs(tmp_path: Path) -> None:
    """All that tests/assets/meshopt_files.mjs writes, and gltfpack with each of its ways to compress."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not (node and npm):
        pytest.skip("needs node and npm")
    shutil.copy(ROOT / "tests/assets/meshopt_files.mjs", tmp_path)
    wanted = ["meshoptimizer@1.3.0", "gltfpack@1.3.0"]
    install = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(tmp_path), *wanted]
    if subprocess.run(install, capture_output=True, timeout=200).returncode:
        pytest.skip("npm has no way to its packages")
    subprocess.run([node, "meshopt_files.mjs", "out"], cwd=tmp_path, check=True, timeout=100)
    out = tmp_path / "out"
    for case in json.loads((out / "cases.json").read_text()):
        layout, theirs = meshopt.read_layout(case), (out / f"{case['name']}.dec").read_bytes()
        found = bytes(meshopt.decode(layout, (out / f"{case['name']}.enc").read_bytes()))
        assert found == theirs or off_by(case, found, theirs) <= 1, case["name"]
    assert_same_splats(out / "splats-packed.glb", out / "splats.glb")
    for number, options in enumerate(("-c", "-cc", "-cz", "-c -ce khr", "-cc -vpf", "-c -vpn", "-c -vi", "-c -noq")):
        path = out / f"packed{number}.glb"
        command = [
            node,
            "node_modules/gltfpack/cli.js",
            "-i",
            "out/torus.glb",
            "-o",
            str(path),
            "-kv",
            *options.split(),
        ]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=100)
        length = struct.unpack("<I", path.read_bytes()[12:16])[0]
        assert b"meshopt_compression" in path.read_bytes()[20 : 20 + length], options
        assert_same_torus(path)
