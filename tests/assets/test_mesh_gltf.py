"""glTF: against trimesh, against the JSON of real files, and against small files written by hand."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path

import numpy as np
import trimesh

from assets.formats import open_path
from assets.mesh import Mesh
from assets.meshes.color_space import linear_from_srgb
from assets.meshes.exchange import to_trimesh
from assets.progress import run
from tests.assets.mesh_files import buffer_views, glb_bytes, same_surface

QUAD = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], np.float32)


def _opened(path: Path) -> Mesh:
    meshes = [asset for asset in run(open_path(path)) if isinstance(asset, Mesh)]
    assert len(meshes) == 1
    return meshes[0]


def test_draco_brings_the_real_geometry(shared: Path) -> None:
    folder = shared / "data" / "meshes"
    heart = _opened(folder / "heart_draco.glb")
    assert heart.counts()["faces"] == 180
    assert heart.facts()["watertight"] == "yes"
    assert (np.diff(heart.bounds(), axis=0) > 0.03).all()
    theirs = trimesh.load_mesh(folder / "heart_draco.glb", process=False)
    assert same_surface(to_trimesh(heart), theirs)
    chess = _opened(folder / "chess-board.glb")
    assert chess.counts()["faces"] == 178848 and chess.counts()["textures"] > 0
    for part in chess.parts:
        assert part.uv is not None and np.ptp(part.vertices, axis=0).min() > 0
        assert part.uv.min() > -0.01 and part.uv.max() < 1.01
        # The file's own normals agree with its faces, so attributes did not get mixed up.
        a, b, c = (part.vertices[part.faces[:, i]] for i in range(3))
        flat = np.cross(b - a, c - a)
        assert np.mean(np.einsum("ij,ij->i", flat, part.normals[part.faces[:, 0]]) > 0) > 0.98


def test_instancing_places_one_part_many_times(shared: Path) -> None:
    mesh = _opened(shared / "data" / "meshes" / "simple-instancing.glb")
    assert len(mesh.parts) == 1 and len(mesh.instances()) == 125
    centres = np.array([matrix[:3, 3] for _, matrix in mesh.instances()])
    assert len(np.unique(centres.round(4), axis=0)) == 125


def test_scene_graph_is_kept(shared: Path) -> None:
    path = shared / "data" / "meshes" / "SunglassesKhronos.glb"
    data = path.read_bytes()
    tree = json.loads(data[20 : 20 + struct.unpack("<I", data[12:16])[0]])
    mesh = _opened(path)
    assert {node.name for node in mesh.nodes} == {node["name"] for node in tree["nodes"]}
    parents = {tree["nodes"][c]["name"]: n["name"] for n in tree["nodes"] for c in n.get("children", [])}
    ours = {node.name: mesh.nodes[node.parent].name for node in mesh.nodes if node.parent >= 0}
    assert ours == parents
    assert [material.name for material in mesh.materials if material.name]


def test_gltf_with_files_beside_it(tmp_path: Path, shared: Path) -> None:
    scene = trimesh.load_scene(shared / "data" / "meshes" / "spot.glb")
    for name, data in trimesh.exchange.gltf.export_gltf(scene).items():
        (tmp_path / name).write_bytes(data)
    beside, inside = _opened(tmp_path / "model.gltf"), _opened(shared / "data" / "meshes" / "spot.glb")
    assert np.array_equal(beside.parts[0].vertices, inside.parts[0].vertices)
    assert np.array_equal(beside.materials[0].base_color_texture, inside.materials[0].base_color_texture)


def test_gltf_with_data_uris(tmp_path: Path) -> None:
    views, accessors, data = buffer_views(QUAD, np.array([0, 1, 2, 2, 1, 3], np.uint8))
    uri = "data:application/octet-stream;base64," + base64.b64encode(data).decode()
    tree = {
        "asset": {"version": "2.0"},
        "buffers": [{"byteLength": len(data), "uri": uri}],
        "bufferViews": views,
        "accessors": accessors,
        "meshes": [{"name": "quad", "primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
    }
    (tmp_path / "quad.gltf").write_text(json.dumps(tree))
    mesh = _opened(tmp_path / "quad.gltf")
    assert mesh.parts[0].name == "quad"
    assert mesh.parts[0].faces.tolist() == [[0, 1, 2], [2, 1, 3]]
    assert np.allclose(mesh.parts[0].normals, [0, 0, 1])


def test_gltf_strips_fans_quantised_uvs_sparse_values_and_linear_colours(tmp_path: Path) -> None:
    srgb = np.array([[255, 0, 10], [128, 64, 200], [3, 250, 77], [0, 0, 0]], np.uint8)
    linear = linear_from_srgb(srgb / 255).astype(np.float32)
    uv = np.array([[0, 0], [65535, 0], [0, 65535], [32768, 65535]], np.uint16)
    moved = np.array([[2, 2, 2]], np.float32)
    views, accessors, data = buffer_views(
        QUAD, np.array([0, 1, 2, 3], np.uint16), uv, linear, np.array([3], np.uint16), moved
    )
    accessors[2]["normalized"] = True
    accessors.append(
        accessors[0]
        | {"sparse": {"count": 1, "indices": {"bufferView": 4, "componentType": 5123}, "values": {"bufferView": 5}}}
    )
    attributes = {"POSITION": 0, "TEXCOORD_0": 2, "COLOR_0": 3}
    transform = {"KHR_texture_transform": {"offset": [0.25, 0.5], "scale": [2, 2]}}
    primitives = [
        {"attributes": attributes, "indices": 1, "mode": 5},
        {"attributes": attributes, "indices": 1, "mode": 6, "material": 0},
        {"attributes": {"POSITION": len(accessors) - 1}, "indices": 1, "mode": 5},
    ]
    material = {
        "pbrMetallicRoughness": {"baseColorTexture": {"index": 9, "extensions": transform}, "metallicFactor": 0.25}
    }
    tree = {
        "bufferViews": views,
        "accessors": accessors,
        "meshes": [{"primitives": primitives}],
        "materials": [material],
    }
    (tmp_path / "odd.glb").write_bytes(glb_bytes(tree, data))
    mesh = _opened(tmp_path / "odd.glb")
    strip, fan, sparse = mesh.parts
    assert strip.faces.tolist() == [[0, 1, 2], [1, 3, 2]]
    assert fan.faces.tolist() == [[1, 2, 0], [2, 3, 0]]
    assert np.allclose(strip.uv, [[0, 1], [1, 1], [0, 0], [0.5, 0]], atol=1e-4)
    assert np.allclose(fan.uv[:, 0], strip.uv[:, 0] * 2 + 0.25, atol=1e-4)
    assert np.allclose(1 - fan.uv[:, 1], (1 - strip.uv[:, 1]) * 2 + 0.5, atol=1e-4)
    assert np.array_equal(strip.colors[:, :3], srgb)
    assert sparse.vertices[3].tolist() == [2, 2, 2] and sparse.vertices[0].tolist() == [0, 0, 0]
    assert mesh.materials[0].metallic == 0.25 and mesh.materials[0].roughness == 1.0
    assert any("texture is missing" in warning for warning in mesh.provenance.warnings)
