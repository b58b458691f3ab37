"""Meshes are drawn where they are: against trimesh's ray casting; in pieces, by proxy, and leaving nothing behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import trimesh

from assets.formats import open_path
from assets.mesh import Material, Mesh, MeshNode, MeshPart
from assets.progress import run
from renderers.camera import Camera
from renderers.gl.lifetime import living
from renderers.mesh import MeshRenderer
from renderers.renderer import Quality, renderer_for
from tests.renderers.opaque_pictures import cameras, cast, draw, picture

SIZE = (128, 96)


def part_of(shape: trimesh.Trimesh, **fields) -> MeshPart:
    """A part with the geometry of `shape`."""
    arrays = shape.vertices.astype(np.float32), shape.faces.astype(np.uint32), shape.vertex_normals.astype(np.float32)
    return MeshPart("part", *arrays, **fields)


def mesh_of(shape: trimesh.Trimesh, **fields) -> Mesh:
    """A mesh of one part."""
    return Mesh("mesh", [part_of(shape, **fields)])


def placed(angle: float, axis: tuple[float, float, float], move: tuple[float, float, float], scale=1.0) -> np.ndarray:
    """Turn, then stretch, then move: (4,4)."""
    matrix = trimesh.transformations.rotation_matrix(angle, axis)
    matrix[:3, :3] = np.diag(np.broadcast_to(scale, 3)) @ matrix[:3, :3]
    matrix[:3, 3] = move
    return matrix


def spot(shared: Path) -> tuple[Mesh, trimesh.Trimesh]:
    path = shared / "data" / "meshes" / "spot.obj"
    mesh = run(open_path(path))[0]
    return mesh, trimesh.load_mesh(path).apply_transform(mesh.transform)


def knot(shared: Path) -> tuple[Mesh, trimesh.Trimesh]:
    """A generated shape under a transform that also mirrors."""
    shape = trimesh.creation.torus(1.0, 0.35, 48, 24)
    mesh = mesh_of(shape)
    mesh.set_transform(placed(0.7, (1, 2, 3), (20.0, -3.0, 5.0), (-1.5, 0.8, 1.1)))
    return mesh, shape.copy().apply_transform(mesh.transform)


def pair(shared: Path) -> tuple[Mesh, trimesh.Trimesh]:
    """One part placed twice by a graph of three nodes, and trimesh's own graph of the same scene."""
    shape = trimesh.creation.icosphere(3).apply_scale((1.0, 0.6, 0.3))
    root, first, second = (
        placed(0.3, (0, 0, 1), (1, 2, 0)),
        placed(1.0, (1, 0, 0), (0, 1, 0)),
        placed(2, (0, 1, 0), (2, 0, 0), 0.5),
    )
    nodes = [MeshNode("root", -1, root), MeshNode("first", 0, first, (0,)), MeshNode("second", 1, second, (0,))]
    mesh = Mesh("pair", [part_of(shape)], nodes)
    mesh.set_transform(placed(0.5, (0, 1, 1), (0, 0, -4.0)))
    scene = trimesh.Scene()
    scene.graph.update("root", "world", matrix=mesh.transform @ root)
    scene.add_geometry(shape, "a", geom_name="shape", parent_node_name="root", transform=first)
    scene.graph.update("b", "a", matrix=second, geometry="shape")
    world = scene.to_mesh()
    assert len(world.faces) == 2 * len(shape.faces)
    return mesh, world


@cache
def cast_depth(make: Callable, kind: str, shared: Path) -> np.ndarray:
    """What ray casting, which takes a second, sees of a shape through a camera: (H,W)."""
    _, world = make(shared)
    return cast(world, cameras(world, SIZE)[kind])


@pytest.mark.parametrize("make", [spot, knot, pair])
@pytest.mark.parametrize("kind", ["perspective", "off-centre", "orthographic"])
def test_silhouette_and_depth_agree_with_ray_casting(gl, shared: Path, make: Callable, kind: str) -> None:
    mesh, world = make(shared)
    camera = cameras(world, SIZE)[kind]
    renderer = renderer_for(mesh)
    assert isinstance(renderer, MeshRenderer)
    color, depth, _ = draw(renderer, camera)
    renderer.dispose()
    expected = cast_depth(make, kind, shared)
    hit, wanted = np.isfinite(depth), np.isfinite(expected)
    assert wanted.mean() > 0.02
    assert (hit & wanted).sum() / (hit | wanted).sum() >= 0.995
    assert (color[..., 3][hit] == 1.0).all() and (color[..., 3][~hit] == 0.0).all()
    size = np.linalg.norm(world.extents)
    # At the rim one pixel may see another surface; everywhere else the depth holds without exception.
    both = hit & wanted
    apart = np.abs(np.where(both, depth, 0) - np.where(both, expected, 0)) / size
    assert np.quantile(apart[both], 0.995) < 1e-3
    assert apart[_interior(expected, 0.02 * size)].max() < 1e-3


def _interior(depth: np.ndarray, jump: float) -> np.ndarray:
    """Pixels whose eight neighbours see about the same distance."""
    padded = np.pad(depth, 1, constant_values=np.inf)
    around = [padded[y : y + depth.shape[0], x : x + depth.shape[1]] for y in range(3) for x in range(3)]
    with np.errstate(invalid="ignore"):
        return np.isfinite(depth) & (np.max(around, 0) - np.min(around, 0) < jump)


@pytest.mark.parametrize("mode", ["shaded", "wireframe"])
@pytest.mark.parametrize("kind", ["perspective", "off-centre", "orthographic"])
def test_pick_gives_the_distance_of_the_surface(gl, shared: Path, kind: str, mode: str) -> None:
    mesh, world = pair(shared)
    mesh.set_display("mode", mode)
    camera = cameras(world, SIZE)[kind]
    expected = cast_depth(pair, kind, shared)
    renderer = renderer_for(mesh)
    while not renderer.sync(1.0):
        pass
    inside = np.argwhere(_interior(expected, 0.02 * world.scale))[::11]
    assert len(inside) > 5
    for y, x in inside:
        assert renderer.pick_depth(camera, x + 0.5, y + 0.5) == pytest.approx(expected[y, x], abs=1e-3 * world.scale)
    y, x = np.argwhere(~np.isfinite(expected))[0]
    assert renderer.pick_depth(camera, x + 0.5, y + 0.5) is None
    behind = replace(camera, camera_to_world=camera.camera_to_world @ np.diag([1.0, 1, -1, 1]), ortho_height=None)
    assert renderer.pick_depth(behind, *np.array(SIZE) / 2) is None
    renderer.dispose()


def test_a_picture_in_many_pieces_is_the_same_picture(gl) -> None:
    mesh = mesh_of(trimesh.creation.icosphere(5))
    camera = cameras(trimesh.creation.icosphere(1), SIZE)["perspective"]
    renderer = renderer_for(mesh)
    renderer._pacer.overdue = lambda started: False
    renderer._pacer._elements = 1e9
    whole, _, few = draw(renderer, camera)
    renderer._pacer._elements = 500.0
    pieces, _, many = draw(renderer, camera)
    renderer.dispose()
    assert few == 1 and many > 5
    np.testing.assert_array_equal(whole, pieces)


def test_what_is_outside_is_left_out_and_nothing_else(gl) -> None:
    mesh = mesh_of(trimesh.creation.icosphere(6))
    camera = cameras(trimesh.creation.icosphere(1), SIZE)["perspective"]
    renderer = renderer_for(mesh)
    whole, _, _ = draw(renderer, camera)
    for x, y in ((50, 30), (0, 0), (80, 60)):
        part = camera.cropped(x, y, 40, 30)
        np.testing.assert_allclose(draw(renderer, part)[0], whole[y : y + 30, x : x + 40], atol=0.02)
    triangles = renderer._buffers[0].triangles
    near, far = 0.5, 10.0
    clip = part.projection_matrix(near, far) @ part.view_matrix()
    shown = sum(count for _, count in triangles.visible(clip))
    assert 0 < shown < 0.7 * triangles.count
    assert (
        sum(count for _, count in triangles.visible(camera.projection_matrix(near, far) @ camera.view_matrix()))
        == triangles.count
    )
    renderer.dispose()


def test_a_proxy_stands_in_while_the_camera_moves(gl) -> None:
    shape = trimesh.creation.icosphere(3)
    mesh = mesh_of(shape)
    camera = cameras(shape, SIZE)["perspective"]
    renderer = renderer_for(mesh)
    moving = Quality(detail=0.5)
    full = draw(renderer, camera)[1]
    np.testing.assert_array_equal(draw(renderer, camera, moving)[1], full)
    upper = mesh.parts[0].faces[shape.triangles_center[:, 1] > 0]
    mesh.accept((0, upper))
    half = draw(renderer, camera, moving)[1]
    assert 0.2 < np.isfinite(half).sum() / np.isfinite(full).sum() < 0.9
    np.testing.assert_array_equal(draw(renderer, camera)[1], full)
    renderer.dispose()


def test_uploads_come_in_short_slices(gl) -> None:
    image = np.random.default_rng(0).integers(0, 255, (2048, 2048, 4), np.uint8)
    mesh = mesh_of(trimesh.creation.icosphere(7), material=0, uv=np.zeros((163842, 2), np.float32))
    mesh.materials = [Material(base_color_texture=image)]
    renderer = renderer_for(mesh)
    seconds, done = [], False
    while not done:
        started = time.perf_counter()
        done = renderer.sync(0.0)
        seconds.append(time.perf_counter() - started)
    assert len(seconds) > 30
    # Compiling and allocating cannot be cut; a busy machine may stretch another.
    assert np.quantile(seconds, 0.8) < 0.010
    assert renderer.gpu_bytes >= mesh.nbytes - mesh.parts[0].vertices.nbytes
    assert renderer.sync(0.0)
    renderer.dispose()


def test_half_an_upload_draws_what_is_complete(gl) -> None:
    shape = trimesh.creation.icosphere(4)
    far = shape.copy().apply_translation((3, 0, 0))
    mesh = Mesh("two", [part_of(shape), part_of(far)])
    camera = cameras(trimesh.util.concatenate([shape, far]), SIZE)["perspective"]
    complete = picture(mesh, camera)
    renderer = renderer_for(mesh)
    while not renderer._complete:
        assert not renderer.sync(0.0)
    renderer.sync, held = lambda seconds: True, renderer.sync
    some = draw(renderer, camera)[0]
    renderer.sync = held
    assert 0 < (some[..., 3] > 0).sum() < (complete[..., 3] > 0).sum()
    np.testing.assert_array_equal(draw(renderer, camera)[0], complete)
    renderer.dispose()


def test_disposing_frees_everything_at_any_time(gl) -> None:
    before = dict(living)
    image = np.full((64, 32, 4), 200, np.uint8)
    for steps in (0, 1, 3, 8, 1000):
        mesh = mesh_of(trimesh.creation.icosphere(3), material=0, uv=np.zeros((642, 2), np.float32))
        mesh.materials = [Material(base_color_texture=image, occlusion_texture=image)]
        mesh.proxies = {0: mesh.parts[0].faces[:100]}
        renderer = renderer_for(mesh)
        for _ in range(steps):
            if renderer.sync(0.0):
                break
        renderer.dispose()
        assert {name: count for name, count in living.items() if count} == {n: c for n, c in before.items() if c}
    assert renderer.gpu_bytes == 0


def test_changed_data_is_uploaded_again(gl) -> None:
    shape = trimesh.creation.icosphere(3)
    mesh = mesh_of(shape)
    camera = cameras(shape, SIZE)["perspective"]
    renderer = renderer_for(mesh)
    before = draw(renderer, camera)[0]
    mesh.parts[0].vertices = mesh.parts[0].vertices * np.float32(0.5)
    mesh.changed.emit(mesh, "data")
    assert not renderer.sync(0.0)
    after = draw(renderer, camera)[0]
    renderer.dispose()
    assert (after[..., 3] > 0).sum() == pytest.approx(0.25 * (before[..., 3] > 0).sum(), rel=0.1)


def test_a_far_away_mesh_stands_still(gl) -> None:
    """Coordinates of a survey: the matrices are multiplied in f64 before f32 sees them."""
    shape = trimesh.creation.torus(1.0, 0.35, 48, 24)
    camera = cameras(shape, SIZE)["perspective"]
    here = picture(mesh_of(shape), camera)
    away = np.array([4.5e6, 120.0, 7.1e5])
    mesh = mesh_of(shape)
    mesh.set_transform(placed(0.0, (0, 0, 1), away))
    pose = camera.camera_to_world.copy()
    pose[:3, 3] += away
    there = picture(mesh, replace(camera, camera_to_world=pose))
    np.testing.assert_allclose(there, here, atol=0.02)


@pytest.mark.parametrize("mirror", [1.0, -1.0])
def test_back_faces_can_be_left_out(gl, mirror: float) -> None:
    square = trimesh.Trimesh([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], [[0, 1, 2], [0, 2, 3]], process=False)
    mesh = mesh_of(square)
    mesh.set_transform(np.diag([mirror, 1.0, 1.0, 1.0]))
    # A mirrored triangle keeps the side that its normal is on.
    front = Camera.look_at((0, 0, 4), (0, 0, 0), width=40, height=40)
    back = Camera.look_at((0, 0, -4), (0, 0, 0), width=40, height=40)
    assert picture(mesh, back)[..., 3].sum() == pytest.approx(picture(mesh, front)[..., 3].sum())
    np.testing.assert_allclose(picture(mesh, back)[20, 20], picture(mesh, front)[20, 20], atol=0.01)
    mesh.set_display("two_sided", False)
    assert picture(mesh, front)[..., 3].sum() > 100
    assert picture(mesh, back)[..., 3].sum() == 0


def test_an_empty_mesh_is_nothing(gl) -> None:
    empty = MeshPart("empty", *(np.zeros((0, 3), kind) for kind in (np.float32, np.uint32, np.float32)))
    renderer = renderer_for(Mesh("empty", [empty]))
    assert renderer.sync(1.0)
    assert renderer.pick_depth(Camera.look_at((0, 0, 4), (0, 0, 0)), 10.0, 10.0) is None
    renderer.dispose()
