"""The mesh itself: proxies, facts, normals, samples of its surface."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import trimesh

from assets.formats import open_path
from assets.mesh import Material, Mesh, MeshNode, MeshPart
from assets.meshes.builder import fan, join_corners
from assets.meshes.exchange import to_trimesh
from assets.meshes.normals import face_normals, vertex_normals
from assets.meshes.proxy import decimated, proxy_faces, watertight
from assets.meshes.surface_samples import sample_surface, sample_texture
from assets.progress import run


def _sphere(rings: int) -> tuple[np.ndarray, np.ndarray]:
    """A UV sphere of radius 1 with about 2 · rings² faces."""
    u, v = np.meshgrid(np.linspace(0, 2 * np.pi, rings), np.linspace(0, np.pi, rings))
    vertices = np.stack([np.cos(u) * np.sin(v), np.cos(v), np.sin(u) * np.sin(v)], -1).reshape(-1, 3)
    index = np.arange(rings * rings).reshape(rings, rings)
    quads = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], -1).reshape(-1, 4)
    return vertices.astype(np.float32), quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3).astype(np.uint32)


def _mesh(shape: trimesh.Trimesh) -> Mesh:
    vertices, faces = shape.vertices.astype(np.float32), shape.faces.astype(np.uint32)
    return Mesh("shape", [MeshPart("shape", vertices, faces, vertex_normals(vertices, faces))])


def test_decimation_keeps_the_shape_and_has_no_waste() -> None:
    vertices, faces = _sphere(300)
    proxy = decimated(vertices, faces, 24)
    assert proxy.dtype == np.uint32 and 1000 < len(proxy) < 10000 < len(faces)
    a, b, c = proxy.T
    assert ((a != b) & (b != c) & (c != a)).all()
    assert len(np.unique(np.sort(proxy, axis=1), axis=0)) == len(proxy)
    # One vertex in each cell of the grid.
    low, edge = vertices.min(0), np.ptp(vertices, axis=0).max() / 24
    cells = np.minimum((vertices[np.unique(proxy)] - low) // edge, 23)
    assert len(np.unique(cells, axis=0)) == len(cells)
    shape, exact = trimesh.Trimesh(vertices, proxy, process=False), trimesh.Trimesh(vertices, faces, process=False)
    assert shape.area == pytest.approx(exact.area, rel=0.08)
    facing = np.einsum("ij,ij->i", shape.face_normals, shape.triangles.mean(1))
    outward = np.sign(np.einsum("ij,ij->i", exact.face_normals, exact.triangles.mean(1)).mean())
    assert (facing * outward > 0).mean() > 0.99


def test_decimation_of_nothing_and_of_a_plane() -> None:
    vertices, faces = _sphere(10)
    assert decimated(vertices, faces[:0], 8).shape == (0, 3)
    assert decimated(vertices, faces, 1).shape == (0, 3)
    flat = vertices * [1, 0, 1]
    assert len(decimated(flat.astype(np.float32), faces, 256)) > 20
    assert len(decimated(np.zeros((3, 3), np.float32), np.array([[0, 1, 2]]), 16)) == 0


def test_a_million_faces_are_decimated_within_a_second() -> None:
    vertices, faces = _sphere(708)
    start = time.process_time()
    proxy = proxy_faces(vertices, faces, 20_000)
    assert time.process_time() - start < 1.0
    assert 8_000 < len(proxy) < 40_000


def test_large_parts_prepare_proxies_and_small_ones_do_not() -> None:
    vertices, faces = _sphere(200)
    large = MeshPart("large", vertices, faces, vertices)
    small = MeshPart("small", vertices, faces[:100], vertices)
    mesh = Mesh("m", [small, large], [MeshNode("a", parts=(0, 1)), MeshNode("b", parts=(1,))])
    heard = []
    listener = lambda _, part: heard.append(part)  # noqa: E731
    mesh.changed.connect(listener)
    run(mesh.preparation(), on_partial=mesh.accept)
    assert list(mesh.proxies) == [1] and heard == ["prepared"]
    assert 2_000 < len(mesh.proxies[1]) < 20_000
    assert mesh.preparation() is None
    assert Mesh("s", [small]).preparation() is None


@pytest.mark.parametrize("name", ["spot.obj", "suzanne.obj", "teapot.obj", "stanford-bunny.obj"])
def test_watertight_as_trimesh_says(shared: Path, name: str) -> None:
    (mesh,) = run(open_path(shared / "data" / "meshes" / name))
    part = mesh.parts[0]
    welded = trimesh.Trimesh(part.vertices, part.faces)
    welded.merge_vertices(merge_tex=True, merge_norm=True)
    assert watertight(part.vertices, part.faces) == welded.is_watertight


def test_normals_of_a_sphere_and_of_a_cube() -> None:
    sphere = trimesh.creation.icosphere(3)
    assert np.allclose(vertex_normals(sphere.vertices, sphere.faces), sphere.vertices, atol=5e-3)
    cube = trimesh.creation.box()
    # Weighted by angle, a corner points along the diagonal however its squares are cut into triangles.
    assert np.allclose(vertex_normals(cube.vertices, cube.faces), cube.vertices / np.sqrt(0.75), atol=1e-6)
    assert np.allclose(face_normals(cube.vertices, cube.faces), cube.face_normals, atol=1e-6)
    lonely = vertex_normals(np.zeros((4, 3)), np.array([[0, 1, 2]]))
    assert lonely.tolist() == [[0, 0, 1]] * 4


def test_fans_and_joined_corners() -> None:
    triangles, owner = fan(np.array([3, 2, 5, 0, 4]))
    assert triangles.tolist() == [[0, 1, 2], [5, 6, 7], [5, 7, 8], [5, 8, 9], [10, 11, 12], [10, 12, 13]]
    assert owner.tolist() == [0, 2, 2, 2, 4, 4]
    corner, place, uv = join_corners(np.array([2, 0, 2, 1]), [np.array([5, 4, 6, -1])], 3)
    rows = np.stack([place, uv], 1)[corner]
    assert rows.tolist() == [[2, 5], [0, 4], [2, 6], [1, -1]] and len(place) == 4
    _, place, uv = join_corners(np.array([2, 0, 2]), [np.array([5, 4, 5])], 4)
    assert place.tolist() == [0, 1, 2, 3] and uv.tolist() == [4, -1, 5, -1]


def test_facts_and_memory() -> None:
    mesh = _mesh(trimesh.creation.box())
    assert mesh.facts() == {
        "instances": "1", "nodes": "1", "uv": "no", "vertex colours": "no", "watertight": "yes",
    }  # fmt: skip
    picture = np.zeros((4, 4, 4), np.uint8)
    before = mesh.nbytes
    mesh.materials = [Material(metallic_roughness_texture=picture, occlusion_texture=picture)]
    assert mesh.nbytes == before + 64


def test_samples_lie_on_the_surface_evenly() -> None:
    shape = trimesh.util.concatenate(
        [trimesh.creation.box((1, 2, 3)), trimesh.creation.icosphere(2, 0.5).apply_translation((4, 0, 0))]
    )
    mesh = _mesh(shape)
    mesh.set_transform(trimesh.transformations.rotation_matrix(1.0, [1, 2, 3], [4, 5, 6]) @ np.diag([2.0, 2, 2, 1]))
    positions, normals, colors = sample_surface(mesh, 4000, seed=3)
    assert positions.shape == normals.shape == colors.shape == (4000, 3) and positions.dtype == np.float32
    world = to_trimesh(mesh)
    closest, distance, _ = trimesh.proximity.closest_point_naive(world, positions[:300])
    assert distance.max() < 1e-5 and len(closest) == 300
    local = (positions - mesh.transform[:3, 3]) @ np.linalg.inv(mesh.transform[:3, :3]).T
    ball = trimesh.creation.icosphere(2, 0.5).area
    assert (local[:, 0] > 2).mean() == pytest.approx(ball / shape.area, abs=0.02)
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5) and np.allclose(colors, 1, atol=1e-6)
    again = sample_surface(mesh, 4000, seed=3)
    assert np.array_equal(again[0], positions)


def test_sampled_colours_are_texture_times_vertex_colour_times_base_colour() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.uint32)
    picture = np.zeros((2, 2, 4), np.uint8)
    picture[0, 0], picture[0, 1], picture[1, 0], picture[1, 1] = (
        (255, 0, 0, 255),
        (0, 255, 0, 255),
        (0, 0, 255, 255),
        (255,) * 4,
    )
    part = MeshPart("quad", vertices, faces, vertex_normals(vertices, faces), uv=vertices[:, :2].copy(), material=0)
    mesh = Mesh("quad", [part], materials=[Material(base_color=(1.0, 1.0, 0.5, 1.0), base_color_texture=picture)])
    positions, _, colors = sample_surface(mesh, 20000, seed=1)
    # Row 0 of a picture is at v = 1; at a texel's centre nothing of its neighbours is seen.
    for corner, expected in (((0.25, 0.75), (1, 0, 0)), ((0.75, 0.75), (0, 1, 0)), ((0.25, 0.25), (0, 0, 0.735))):
        near = np.linalg.norm(positions[:, :2] - corner, axis=1).argmin()
        assert np.allclose(colors[near], expected, atol=0.12), corner
    part.colors = np.full((4, 4), (0, 255, 255, 255), np.uint8)
    assert (sample_surface(mesh, 100)[2][:, 0] == 0).all()


def test_texture_lookup_is_bilinear_and_repeats() -> None:
    picture = np.random.default_rng(5).integers(0, 256, (5, 7, 4), dtype=np.uint8)
    x, y = np.meshgrid(np.arange(7), np.arange(5))
    centres = np.stack([(x + 0.5) / 7, 1 - (y + 0.5) / 5], -1).reshape(-1, 2)
    for shift in ((0, 0), (3, -2)):
        assert np.allclose(sample_texture(picture, centres + shift), picture.reshape(-1, 4) / 255, atol=1e-5)
    between = sample_texture(picture, np.array([[1.0 / 7, 1 - 0.5 / 5], [0.0, 1 - 0.5 / 5]]))
    assert np.allclose(between[0], (picture[0, 0] / 510 + picture[0, 1] / 510), atol=1e-5)
    assert np.allclose(between[1], (picture[0, 6] / 510 + picture[0, 0] / 510), atol=1e-5)


def test_nothing_to_sample() -> None:
    flat = MeshPart(
        "flat", np.zeros((3, 3), np.float32), np.array([[0, 1, 2]], np.uint32), np.zeros((3, 3), np.float32)
    )
    assert [len(column) for column in sample_surface(Mesh("flat", [flat]), 10)] == [0, 0, 0]
    assert [len(column) for column in sample_surface(Mesh("none", []), 10)] == [0, 0, 0]
