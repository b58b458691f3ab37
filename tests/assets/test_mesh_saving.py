"""Meshes saved and opened again, by us and by trimesh."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from assets.errors import BadInput
from assets.formats import open_path, save_path
from assets.mesh import Material, Mesh, MeshNode, MeshPart
from assets.meshes.exchange import to_trimesh
from assets.meshes.normals import vertex_normals
from assets.progress import run
from tests.assets.mesh_files import same_surface

TURN = np.array([[0, -2.0, 0, 5], [2, 0, 0, 6], [0, 0, 2, 7], [0, 0, 0, 1]])
MIRROR = np.diag([-1.0, 1, 1, 1])


def _picture(seed: int, alpha: bool = False) -> np.ndarray:
    picture = np.random.default_rng(seed).integers(0, 256, (6, 4, 4), dtype=np.uint8)
    picture[..., 3] = picture[..., 3] if alpha else 255
    return picture


def _part(name: str, shape: trimesh.Trimesh, material: int, colored: bool = False, uv: bool = True) -> MeshPart:
    random = np.random.default_rng(len(shape.faces))
    vertices, faces = shape.vertices.astype(np.float32), shape.faces.astype(np.uint32)
    part = MeshPart(name, vertices, faces, vertex_normals(vertices, faces), material=material)
    part.uv = random.random((len(vertices), 2), np.float32) if uv else None
    part.colors = random.integers(0, 256, (len(vertices), 4), dtype=np.uint8) if colored else None
    return part


def _scene() -> Mesh:
    """Two parts, one of them placed twice (once mirrored), three materials, textures with and without alpha."""
    parts = [
        _part("ball", trimesh.creation.icosphere(1), 0),
        _part("a box", trimesh.creation.box(), 1, colored=True, uv=False),
    ]
    materials = [
        Material("skin", (0.5, 1.0, 0.25, 1.0), _picture(1, alpha=True), 0.25, 0.5, alpha_mode="BLEND"),
        Material("two words", (1.0, 0.5, 0.0, 1.0), emissive=(0.0, 3.0, 1.5), double_sided=False),
    ]
    materials[0].normal_texture = _picture(2)
    materials[0].metallic_roughness_texture = materials[0].occlusion_texture = _picture(3)
    shifted = np.eye(4)
    shifted[:3, 3] = 3, 0, 0
    nodes = [
        MeshNode("root", matrix=TURN),
        MeshNode("left", 0, parts=(0, 1)),
        MeshNode("right", 0, shifted @ MIRROR, parts=(0,)),
        MeshNode("empty", 2),
    ]
    return Mesh("scene", parts, nodes, materials)


def _simple() -> Mesh:
    return Mesh(
        "simple",
        [_part("ball", trimesh.creation.icosphere(2), 0)],
        materials=[Material("m", (1, 1, 1, 1), _picture(4))],
    )


def _again(mesh: Mesh, path: Path) -> Mesh:
    run(save_path(mesh, path))
    (again,) = run(open_path(path))
    assert isinstance(again, Mesh) and again.provenance.warnings == []
    return again


def test_glb_keeps_everything(tmp_path: Path) -> None:
    mesh = _scene()
    again = _again(mesh, tmp_path / "scene.glb")
    assert [(n.name, n.parent, n.parts) for n in again.nodes] == [
        ("root", -1, ()), ("left", 0, (0, 1)), ("right", 0, (2,)), ("empty", 2, ()),
    ]  # fmt: skip
    for ours, theirs in zip(mesh.nodes, again.nodes, strict=True):
        assert np.array_equal(ours.matrix, theirs.matrix)
    # The part that stands in two different meshes of the file is read once for each of them.
    for ours, theirs in zip([*mesh.parts, mesh.parts[0]], again.parts, strict=True):
        assert ours.name == theirs.name
        assert np.array_equal(ours.vertices, theirs.vertices) and np.array_equal(ours.faces, theirs.faces)
        assert np.allclose(ours.normals, theirs.normals, atol=1e-6)
        assert (ours.uv is None and theirs.uv is None) or np.allclose(ours.uv, theirs.uv, atol=1e-7)
        assert (ours.colors is None and theirs.colors is None) or np.array_equal(ours.colors, theirs.colors)
        assert mesh.materials[ours.material].name == again.materials[theirs.material].name
    for ours in mesh.materials:
        theirs = next(material for material in again.materials if material.name == ours.name)
        assert theirs.textures().keys() == ours.textures().keys()
        for name, picture in ours.textures().items():
            assert np.array_equal(picture, theirs.textures()[name])
        for name in ("metallic", "roughness", "alpha_mode", "double_sided"):
            assert getattr(theirs, name) == pytest.approx(getattr(ours, name))
        assert theirs.base_color == pytest.approx(ours.base_color)
        assert theirs.emissive == pytest.approx(ours.emissive)


def test_glb_is_what_trimesh_understands(tmp_path: Path) -> None:
    mesh = _scene()
    mesh.set_transform(np.diag([1.0, 1, 1, 1]) + np.array([[0, 0, 0, 9.0]] + [[0] * 4] * 3))
    run(save_path(mesh, tmp_path / "scene.glb"))
    scene = trimesh.load_scene(tmp_path / "scene.glb", process=False)
    expected = to_trimesh(mesh)
    theirs = scene.to_mesh()
    assert np.allclose(theirs.bounds, expected.bounds, atol=1e-5)
    assert theirs.area == pytest.approx(expected.area, rel=1e-6)
    assert {"scene", "root", "left", "right", "empty"} <= set(scene.graph.nodes)
    again = run(open_path(tmp_path / "scene.glb"))[0]
    assert again.nodes[0].name == "scene" and np.array_equal(again.nodes[0].matrix, mesh.transform)
    assert same_surface(to_trimesh(again), expected)


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".stl", ".glb"])
def test_transforms_are_applied(tmp_path: Path, suffix: str) -> None:
    mesh = _scene()
    mesh.set_transform(TURN)
    expected = to_trimesh(mesh)
    again = to_trimesh(_again(mesh, tmp_path / f"scene{suffix}"))
    assert same_surface(again, expected, 2e-5)
    theirs = trimesh.load_mesh(tmp_path / f"scene{suffix}")
    assert theirs.volume == pytest.approx(expected.volume, rel=1e-5)
    if suffix != ".stl":
        # Saved normals point outwards on the mirrored copy, too.
        a, b, c = (again.vertices[again.faces[:, i]] for i in range(3))
        assert (np.einsum("ij,ij->i", np.cross(b - a, c - a), again.vertex_normals[again.faces[:, 0]]) > 0).all()


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".glb"])
def test_simple_mesh_comes_back_as_it_was(tmp_path: Path, suffix: str) -> None:
    mesh = _simple()
    again = _again(mesh, tmp_path / f"simple{suffix}")
    ours, theirs = mesh.parts[0], again.parts[0]
    assert np.array_equal(ours.vertices, theirs.vertices)
    assert np.array_equal(ours.faces, theirs.faces)
    assert np.allclose(ours.uv, theirs.uv, atol=1e-7)
    assert np.allclose(ours.normals, theirs.normals, atol=1e-6)
    assert np.array_equal(mesh.materials[0].base_color_texture, again.materials[0].base_color_texture)
    texture = trimesh.load_mesh(tmp_path / f"simple{suffix}", process=False).visual.material
    image = getattr(texture, "baseColorTexture", None) or texture.image
    assert np.array_equal(np.asarray(image.convert("RGBA")), mesh.materials[0].base_color_texture)


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".glb"])
def test_vertex_colours_come_back(tmp_path: Path, suffix: str) -> None:
    mesh = Mesh("colours", [_part("ball", trimesh.creation.icosphere(1), -1, colored=True, uv=False)])
    channels = 3 if suffix == ".obj" else 4
    again = _again(mesh, tmp_path / f"colours{suffix}").parts[0]
    assert np.array_equal(again.colors[:, :channels], mesh.parts[0].colors[:, :channels])


def test_obj_writes_names_and_materials(tmp_path: Path) -> None:
    mesh = _scene()
    again = _again(mesh, tmp_path / "scene.obj")
    assert [part.name for part in again.parts] == ["ball", "a box", "ball_2"]
    assert [material.name for material in again.materials] == ["skin", "two_words"]
    skin, words = again.materials
    assert skin.base_color == pytest.approx((0.5, 1.0, 0.25, 1.0))
    assert (skin.metallic, skin.roughness) == (0.25, 0.5)
    assert words.emissive == (0.0, 3.0, 1.5)
    assert np.array_equal(skin.base_color_texture, mesh.materials[0].base_color_texture)
    assert np.array_equal(skin.normal_texture, mesh.materials[0].normal_texture)
    files = {entry.name for entry in tmp_path.iterdir()}
    assert files == {"scene.obj", "scene.mtl", "scene_0.png", "scene_1.png"}


def test_ply_turns_what_it_cannot_hold_into_vertex_colours(tmp_path: Path) -> None:
    again = _again(_scene(), tmp_path / "scene.ply")
    assert again.parts[0].colors is not None and again.materials == []
    box = _scene().parts[1]
    linear = (box.colors[:, :3] / 255.0) ** 2.2 * [1.0, 0.5, 0.0]
    expected = linear ** (1 / 2.2) * 255
    start = len(_scene().parts[0].vertices)
    assert np.abs(again.parts[0].colors[start : start + 8, :3] - expected).max() < 8


def test_only_the_last_file_counts(tmp_path: Path) -> None:
    mesh = _simple()
    run(save_path(mesh, tmp_path / "a.obj"))
    before = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()}
    job = save_path(_scene(), tmp_path / "a.obj")
    next(job)
    job.close()
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == before
    with pytest.raises(BadInput, match="cannot be saved as"):
        run(save_path(mesh, tmp_path / "a.xyz"))
