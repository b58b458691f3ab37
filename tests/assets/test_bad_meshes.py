"""Hostile, damaged and mislabelled mesh files: one plain sentence, soon, in little memory, and never a traceback."""

from __future__ import annotations

import os
import random
import re
import time
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from assets.errors import BadFile, BadInput
from assets.formats import open_path
from assets.progress import run
from tests.assets.bad_mesh_files import TRIANGLE, opened_mesh, refusal, write_gltf, write_triangle_gltf


def _samples(folder: Path) -> list[Path]:
    """A small sound file of every format."""
    ball = trimesh.creation.icosphere(1)
    ball.visual.vertex_colors = np.random.default_rng(0).integers(0, 255, (len(ball.vertices), 4), dtype=np.uint8)
    box = trimesh.creation.box()
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 255, (8, 8, 3), dtype=np.uint8))
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=picture, name="paint")
    uv = np.random.default_rng(2).random((len(box.vertices), 2))
    box.visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    scene = trimesh.Scene([box, ball])
    for name in ("scene.glb", "scene.3mf"):
        scene.export(folder / name)
    box.export(folder / "box.obj")
    (folder / "box.dae").write_bytes(trimesh.exchange.dae.export_collada(box))
    ball.export(folder / "ball.ply")
    ball.export(folder / "text.ply", encoding="ascii")
    ball.export(folder / "ball.stl")
    (folder / "text.stl").write_text(trimesh.exchange.stl.export_stl_ascii(ball))
    ball.export(folder / "ball.off")
    trimesh.PointCloud(ball.vertices).export(folder / "points.ply")
    write_triangle_gltf(folder / "triangle.gltf")
    names = {".glb", ".3mf", ".obj", ".dae", ".ply", ".stl", ".off", ".gltf"}
    return sorted(path for path in folder.iterdir() if path.suffix in names)


def _damaged(data: bytes, rng: random.Random) -> bytes:
    """The bytes cut off, overwritten, shifted, or with a number exchanged for a bad one."""
    damaged = bytearray(data)
    way = rng.randrange(4)
    if way == 0:
        return bytes(damaged[: rng.randrange(len(damaged))])
    if way == 1:
        for _ in range(rng.choice((1, 2, 8, 40))):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    elif way == 2:
        numbers = list(re.finditer(rb"\d+", data[:4000]))
        if numbers:
            chosen = rng.choice(numbers)
            bad = (b"-1", b"99999999999", b"4294967295", b"0", b"1e400", b"nan", b'"x"', b"null", b"[]")
            damaged[chosen.start() : chosen.end()] = rng.choice(bad)
    else:
        start = rng.randrange(len(damaged))
        piece = damaged[start : start + rng.randrange(60)]
        damaged[start : start + len(piece)] = piece * rng.choice((0, 2, 3))
    return bytes(damaged)


def test_damage_of_any_kind_is_refused_or_read(tmp_path: Path) -> None:
    rng = random.Random(7)
    refused = 0
    for sample in _samples(tmp_path):
        data, target = sample.read_bytes(), tmp_path / f"damaged{sample.suffix}"
        assert run(open_path(sample))
        for _ in range(25):
            target.write_bytes(_damaged(data, rng))
            try:
                for asset in run(open_path(target)):
                    assert np.isfinite(asset.local_bounds()).all()
                    for part in getattr(asset, "parts", []):
                        assert part.faces.max() < len(part.vertices) and np.isfinite(part.normals).all()
            except BadInput as error:
                refused += 1
                assert str(error).startswith(f"{target}: ") and "\n" not in str(error)
    assert refused > 50


@pytest.mark.parametrize("suffix", [".glb", ".gltf", ".obj", ".ply", ".stl", ".off", ".3mf", ".dae"])
def test_files_that_are_no_meshes(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"thing{suffix}"
    path.write_bytes(b"")
    assert refusal(path) == "is empty."
    path.write_bytes(b"<!DOCTYPE html>\n<html><body>404: v 1 2 3, f 1 2 3</body></html>")
    assert "web page" in refusal(path)
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    assert "Git LFS" in refusal(path)
    path.write_text("Dear reader,\nthis is a letter and no mesh at all.\nf you\n")
    refusal(path)
    path.write_bytes(random.Random(1).randbytes(5000))
    refusal(path)
    path.write_bytes(b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.")
    refusal(path)
    path.unlink()
    path.mkdir()
    assert refusal(path).startswith("is a folder, and would have to hold ")
    path.rmdir()
    assert refusal(path) == "does not exist."


@pytest.mark.skipif(
    os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="needs a user without all rights"
)
def test_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret.obj"
    path.write_text(TRIANGLE + "f 1 2 3\n")
    path.chmod(0)
    assert "no permission" in refusal(path)


def test_stl_ends_too_soon_or_claims_too_much(tmp_path: Path) -> None:
    path = tmp_path / "a.stl"
    trimesh.creation.icosphere(1).export(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-60])
    assert refusal(path) == "ends after 78 of 80 triangles."
    path.write_bytes(whole[:80] + b"\xff\xff\xff\xff" + whole[84:])
    assert refusal(path) == "ends after 80 of 4294967295 triangles."
    path.write_bytes(whole[:80] + b"\0\0\0\0")
    assert refusal(path) == "has no faces and no points."
    text = trimesh.exchange.stl.export_stl_ascii(trimesh.creation.box())
    path.write_text(text[: text.rindex("vertex")])
    assert "its triangle 12 has no three corners" in refusal(path)
    path.write_text(text[: text.rindex("facet normal")])
    assert "may be incomplete" in opened_mesh(path).provenance.warnings[0]


def test_obj_with_broken_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.obj"
    for line, said in (
        ("v 1 2\n", "line 4 is 'v 1 2'"),
        ("v 1 2 three\n", "line 4 is 'v 1 2 three'"),
        ("f 1/1/1 2/x 3\n", "line 4 is 'f 1/1/1 2/x 3'"),
        ("f 1 2 9\nf 0 1 2\nf -9 1 2\n", "has 3 faces, but not one of them is sound"),
        ("f 1 1e400 3\n", "line 4"),
    ):
        path.write_text(TRIANGLE + line)
        assert said in refusal(path)
    path.write_text("# nothing\no name\nf 1 2 3\n")
    refusal(path)


def test_faces_that_point_nowhere_and_vertices_that_are_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "a.obj"
    path.write_text(TRIANGLE + "v nan 0 0\nv 1e99 0 0\nf 1 2 3\nf 1 2 4\nf 5 2 1\nf 1 2 77\n")
    mesh = opened_mesh(path)
    assert mesh.counts()["faces"] == 1 and mesh.counts()["vertices"] == 3
    assert mesh.provenance.warnings == [
        "1 faces point at vertices that do not exist and were dropped.",
        "2 vertices are not finite and were dropped, and 2 faces with them.",
    ]
    path = tmp_path / "a.ply"
    head = "ply\nformat ascii 1.0\nelement vertex 3\n" + "".join(f"property float {name}\n" for name in "xyzst")
    head += "element face 2\nproperty list uchar int vertex_indices\nend_header\n"
    path.write_text(head + "0 0 0 nan 0\n1 0 0 0 inf\n0 1 0 1 1\n3 0 1 2\n3 0 1 -2\n")
    mesh = opened_mesh(path)
    assert np.isfinite(mesh.parts[0].uv).all() and mesh.counts()["faces"] == 1
    path.write_text(head + "nan 0 0 0 0\nnan 0 0 0 0\nnan 1 0 1 1\n3 0 1 2\n3 0 1 2\n")
    assert refusal(path) == "has 2 faces, but not one of them is sound."


def test_ply_headers_that_lie(tmp_path: Path) -> None:
    path = tmp_path / "a.ply"
    start = "ply\nformat binary_little_endian 1.0\nelement vertex 3\n"
    xyz = "property float x\nproperty float y\nproperty float z\n"
    faces = "element face {}\nproperty list uchar int vertex_indices\nend_header\n"
    body = np.zeros(9, "<f4").tobytes()
    path.write_bytes((start + xyz + faces.format(4000000000)).encode() + body + b"\x03" * 50)
    assert "ends after 50 of 4000000000 faces" in refusal(path)
    path.write_bytes((start + xyz + faces.format(2)).encode() + body + b"\xff" * 20)
    assert "ends after 0 of 2 faces" in refusal(path)
    path.write_bytes((start + faces.format(1)).encode() + body)
    assert "damaged header" in refusal(path)
    path.write_bytes((start + xyz + "element face 1\nproperty float area\nend_header\n").encode() + body * 2)
    assert refusal(path) == "has faces without vertex indices."


def test_off_that_lies(tmp_path: Path) -> None:
    path = tmp_path / "a.off"
    for text, said in (
        ("OFF\n3000000000 1 0\n0 0 0\n", "ends after 1 of 3000000000 vertices"),
        ("OFF\n3 9 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n", "ends after 1 of 9 faces"),
        ("OFF\n-3 1 0\n", "claims to have -3 vertices"),
        ("OFF\nlots of vertices\n", "does not say how many"),
        ("OFF\n3 1 0\n0 0 0\n1 0 zero\n0 1 0\n3 0 1 2\n", "no number"),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1\n", "face 1 is '3 0 1'"),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 3\n", "not one of them is sound"),
        ("OFF BINARY\n\0\0\0\0", "binary OFF"),
    ):
        path.write_text(text)
        assert said in refusal(path)


def test_gltf_that_lies_about_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.gltf"
    assert opened_mesh(write_triangle_gltf(path)).counts()["faces"] == 1
    accessor = {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}
    for changes, said in (
        ({"accessors": [accessor | {"count": 4000000000}]}, "it needs 48000000000 bytes of 36"),
        ({"accessors": [accessor | {"count": -3}]}, "count is -3"),
        ({"accessors": [accessor | {"byteOffset": 4}]}, "bytes of 36"),
        ({"accessors": [accessor | {"componentType": 1}]}, "no known type"),
        ({"accessors": [{k: v for k, v in accessor.items() if k != "bufferView"}]}, "has no data"),
        (
            {"accessors": [{"componentType": 5126, "count": 10**12, "type": "VEC3", "sparse": {}}]},
            "claims 1000000000000 values",
        ),
        ({"accessors": []}, "accessors[0], which does not exist"),
        ({"bufferViews": [{"buffer": 0, "byteLength": 99}]}, "ends behind its 36 bytes"),
        ({"bufferViews": [{"buffer": 7, "byteLength": 36}]}, "buffers[7]"),
        ({"bufferViews": [{"buffer": 0, "byteLength": 36, "byteStride": 1}]}, "follow each other after 1"),
        ({"buffers": [{"byteLength": 36, "uri": "gone.bin"}]}, "lacks its data ('gone.bin')"),
        ({"buffers": [{"byteLength": 36}]}, "lacks its data"),
        ({"meshes": [{"primitives": [{"attributes": {}}]}]}, "has no faces and no points"),
        ({"meshes": 5}, "'meshes' is not a list"),
        ({"nodes": [{"mesh": 3}]}, "meshes[3]"),
        ({"scenes": [{"nodes": [8]}]}, "nodes[8]"),
        ({"asset": {"version": "1.0"}}, "version 1.0"),
        ({"extensionsRequired": ["EXT_cubes"]}, "needs the glTF extension EXT_cubes"),
    ):
        assert said in refusal(write_triangle_gltf(path, **changes)), changes
    path.write_text('{"asset": {"version": "2.0"}, "meshes": [' + "[" * 200000)
    assert "no JSON" in refusal(path)


def test_glb_that_is_cut_off(tmp_path: Path, shared: Path) -> None:
    whole = (shared / "data/meshes/spot.glb").read_bytes()
    path = tmp_path / "a.glb"
    for size in (4, 11, 19, 25, 600, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert "ends after" in refusal(path), size
    path.write_bytes((shared / "data/meshes/heart_draco.glb").read_bytes().replace(b"DRACO", b"DRAMA"))
    assert "Draco" in refusal(path)


def test_nodes_in_a_ring_and_broken_transforms_are_survived(tmp_path: Path) -> None:
    nodes = [{"children": [1], "mesh": 0}, {"children": [0, 2]}, {"mesh": 0, "matrix": [1, 2]}]
    mesh = opened_mesh(write_triangle_gltf(tmp_path / "a.gltf", nodes=nodes, scenes=[{"nodes": [0]}]))
    assert len(mesh.instances()) == 2 and len(mesh.provenance.warnings) == 2


def test_one_buffer_as_a_thousand_parts_is_not_unfolded(tmp_path: Path) -> None:
    positions = np.random.default_rng(0).random((300_000, 3)).astype("<f4")
    (tmp_path / "a.bin").write_bytes(positions.tobytes())
    tree = {
        "buffers": [{"byteLength": positions.nbytes, "uri": "a.bin"}],
        "bufferViews": [{"buffer": 0, "byteLength": positions.nbytes}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": len(positions), "type": "VEC3"}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}] * 1000}],
    }
    path = write_gltf(tmp_path / "a.gltf", **tree)
    start = time.monotonic()
    with pytest.raises(BadFile, match="not believable"):
        run(open_path(path))
    assert time.monotonic() - start < 10
