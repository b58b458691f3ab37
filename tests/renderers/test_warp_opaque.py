"""Warped meshes and points are drawn as those whose arrays were warped by numpy, and picked where they moved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from assets.deform.kinds import flattened
from assets.mesh import Material, Mesh, MeshNode, MeshPart
from assets.points import Points
from assets.progress import run
from renderers.camera import Camera
from renderers.gl.lifetime import living
from renderers.renderer import Quality, renderer_for
from tests.renderers.opaque_pictures import cameras, draw, picture
from tests.renderers.splat_pictures import psnr
from tests.renderers.test_mesh import part_of, placed
from tests.renderers.warps import bend, rig_of, still, warp_of

SIZE = (128, 96)
SHAPE = trimesh.creation.torus(1.0, 0.35, 48, 24)
CAMERAS = cameras(SHAPE, SIZE)
CAMERA = CAMERAS["perspective"]


def knot(**fields) -> Mesh:
    """A coloured torus."""
    colors = np.random.default_rng(0).integers(0, 255, (len(SHAPE.vertices), 4), np.uint8)
    colors[:, 3] = 255
    return Mesh("knot", [part_of(SHAPE, colors=colors, **fields)])


def pair() -> Mesh:
    """One part placed twice under different matrices, one of which mirrors, and turned as a whole."""
    first, second = placed(0.4, (1, 0, 0), (-0.9, 0, 0), 0.6), placed(1.9, (0, 1, 1), (0.9, 0.2, 0), (-0.5, 0.7, 0.6))
    nodes = [MeshNode("a", matrix=first, parts=(0,)), MeshNode("b", matrix=second, parts=(0,))]
    mesh = Mesh("pair", [part_of(SHAPE)], nodes)
    mesh.set_transform(placed(0.5, (0, 0, 1), (0.1, 0.2, -0.1), (1.0, 1.1, -0.9)))
    return mesh


def cloud(count: int = 3000) -> Points:
    """Coloured points on the torus."""
    places, _ = trimesh.sample.sample_surface(SHAPE, count, seed=1)
    colors = np.random.default_rng(0).integers(0, 255, (count, 4), np.uint8)
    colors[:, 3] = 255
    return Points("cloud", places.astype(np.float32), colors)


def bent(asset, **fields):
    """The asset under a strong bend."""
    rig = rig_of(asset, **fields)
    asset.set_warp(warp_of(rig, bend(rig)))
    return asset


def flat_of(asset):
    """The same with its warp in its arrays, and the bounds that its picture is made with."""
    flat = run(flattened(asset))
    flat.bounds = asset.bounds
    return flat


def differing(shown: np.ndarray, expected: np.ndarray) -> float:
    """Share of the pixels that differ; on hard edges a pixel may fall on either side."""
    return float((np.abs(shown - expected).max(2) > 0.02).mean())


def settle(renderer) -> None:
    while not renderer.sync(1.0):
        pass


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
@pytest.mark.parametrize("mode", ["shaded", "base colour", "normals", "wireframe", "depth"])
def test_the_shader_bends_meshes_as_numpy_does(gl, mode: str, camera: Camera) -> None:
    mesh = bent(knot())
    mesh.display.mode = mode
    shown, expected = picture(mesh, camera), picture(flat_of(mesh), camera)
    assert differing(shown, expected) < 0.002
    assert psnr(shown, expected) >= 45
    mesh.set_warp(None)
    assert psnr(shown, picture(mesh, camera)) < 25


@pytest.mark.parametrize("name", ["wireframe", "flat"])
def test_lines_and_facets_bend(gl, name: str) -> None:
    mesh = bent(knot(), share=0.7)
    mesh.set_display(name, True)
    assert psnr(picture(mesh, CAMERA), picture(flat_of(mesh), CAMERA)) >= 45


@pytest.mark.parametrize("mode", ["shaded", "normals"])
@pytest.mark.parametrize("two_sided", [True, False])
def test_each_instance_bends_for_itself(gl, mode: str, two_sided: bool) -> None:
    mesh = bent(pair())
    mesh.display.mode, mesh.display.two_sided = mode, two_sided
    flat = flat_of(mesh)
    assert len(flat.parts) == 2
    for camera in CAMERAS.values():
        assert psnr(picture(mesh, camera), picture(flat, camera)) >= 45


def test_glass_and_parts_without_faces(gl) -> None:
    mesh = knot(material=0)
    mesh.materials = [Material("glass", base_color=(0.2, 0.5, 0.9, 0.5), alpha_mode="BLEND")]
    mesh.parts.append(MeshPart("empty", SHAPE.vertices[:5].astype(np.float32), np.zeros((0, 3), np.uint32), None))
    mesh.parts[1].normals = np.zeros((5, 3), np.float32)
    mesh.nodes = [MeshNode("all", parts=(1, 0))]
    bent(mesh)
    assert psnr(picture(mesh, CAMERA), picture(flat_of(mesh), CAMERA)) >= 45


def test_proxies_bend(gl) -> None:
    mesh = bent(knot())
    renderer = renderer_for(mesh)
    draw(renderer, CAMERA)
    faces = mesh.parts[0].faces
    mesh.accept((0, faces[::2].copy()))
    part = Quality(detail=0.5)
    shown = draw(renderer, CAMERA, part)[0]
    flat = flat_of(mesh)
    assert 0 in flat.proxies
    expected = picture(flat, CAMERA, part)
    assert psnr(shown, expected) >= 45
    assert psnr(shown, picture(flat, CAMERA)) < 30
    mesh.accept((0, faces[::3].copy()))
    flat.proxies[0] = faces[::3].copy()
    assert psnr(draw(renderer, CAMERA, part)[0], picture(flat, CAMERA, part)) >= 45
    renderer.dispose()


def test_what_moved_into_the_picture_is_not_left_out(gl, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("buffers", "skins"):
        monkeypatch.setattr(f"renderers.meshes.{module}.BLOCK", 64)
    mesh = bent(knot(), count=64)
    flat = flat_of(mesh)
    points = flat.parts[0].vertices
    for index in range(0, len(points), 250):
        near = Camera.look_at(points[index] + (0.3, 0.4, 0.5), points[index], width=64, height=48)
        shown, expected = picture(mesh, near), picture(flat, near)
        assert psnr(shown, expected) >= 45


def test_blocks_far_from_the_picture_are_left_out(gl, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("buffers", "skins"):
        monkeypatch.setattr(f"renderers.meshes.{module}.BLOCK", 64)
    mesh = knot()
    rig = rig_of(mesh, 300)
    mesh.set_warp(warp_of(rig, bend(rig, 0.6)))
    renderer = renderer_for(mesh)
    points = flat_of(mesh).parts[0].vertices
    tip = points[points[:, 0].argmax()]
    near = Camera.look_at(tip + (0.1, 0.1, 1.0), tip + (0.1, 0.0, 0.0), fov_y_deg=20, width=64, height=48)
    drawn, bind = [], renderer._bind
    monkeypatch.setattr(renderer, "_bind", lambda draw, *rest: (drawn.append(draw), bind(draw, *rest)))
    draw(renderer, near)
    renderer.dispose()
    assert 0 < sum(count for _, count in drawn[0].ranges) < 0.6 * len(SHAPE.faces)


@pytest.mark.parametrize("make", [knot, pair, cloud])
def test_a_pick_finds_what_is_seen(gl, make) -> None:
    asset = bent(make())
    renderer = renderer_for(asset)
    _, distance, _ = draw(renderer, CAMERA)
    warp = asset.warp
    asset.set_warp(None)
    _, before, _ = draw(renderer, CAMERA)
    asset.set_warp(warp)
    settle(renderer)
    found = 0
    before[np.isinf(before)] = 1e9
    for y, x in np.argwhere(np.isfinite(distance) & (np.abs(distance - before) > 0.05))[::150]:
        depth = renderer.pick_depth(CAMERA, x + 0.5, y + 0.5)
        assert depth == pytest.approx(distance[y, x], rel=1e-3)
        found += 1
    assert found >= 3
    renderer.dispose()


def test_far_from_the_origin_nothing_trembles(gl) -> None:
    """A part in survey coordinates: its vertices are near zero, its node carries the offset."""
    far = np.array([4e6, -3e6, 2e5])
    matrix = placed(0.3, (1, 1, 0), far)
    mesh = bent(Mesh("far", [part_of(SHAPE)], [MeshNode("far", matrix=matrix, parts=(0,))]))
    flat = flat_of(mesh)
    pose = CAMERA.camera_to_world.copy()
    pose[:3, 3] += far
    camera = replace(CAMERA, camera_to_world=pose)
    assert psnr(picture(mesh, camera), picture(flat, camera)) >= 45


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
@pytest.mark.parametrize("mode", ["colour", "depth"])
def test_the_shader_moves_points_as_numpy_does(gl, mode: str, camera: Camera) -> None:
    points = bent(cloud())
    points.display.mode = mode
    shown, expected = picture(points, camera), picture(flat_of(points), camera)
    assert differing(shown, expected) < 0.004
    points.set_warp(None)
    assert differing(shown, picture(points, camera)) > 0.1


def test_every_nth_point_stands_for_all(gl) -> None:
    points = bent(cloud())
    part = Quality(detail=0.25)
    assert differing(picture(points, CAMERA, part), picture(flat_of(points), CAMERA, part)) < 0.004


@pytest.mark.parametrize("make", [knot, pair, cloud])
def test_poses_and_regions_follow_each_other(gl, make) -> None:
    asset = make()
    renderer, rig = renderer_for(asset), rig_of(asset)
    before = draw(renderer, CAMERA)[0]
    asset.set_warp(warp_of(rig, still))
    assert differing(draw(renderer, CAMERA)[0], before) < 0.004
    for angle in (0.4, 0.9):
        asset.set_warp(warp_of(rig, bend(rig, angle)))
        assert renderer.sync(0.0), "a pose alone is there at once"
        assert differing(draw(renderer, CAMERA)[0], picture(flat_of(asset), CAMERA)) < 0.004
    masked = tuple(b.masked((p[:, 0] > 0).astype(float)) for b, p in zip(rig.bindings, rig.elements, strict=True))
    asset.set_warp(replace(asset.warp, bindings=masked))
    assert differing(draw(renderer, CAMERA)[0], picture(flat_of(asset), CAMERA)) < 0.004
    other = rig_of(asset, seed=3)
    asset.set_warp(warp_of(other, bend(other)))
    assert differing(draw(renderer, CAMERA)[0], picture(flat_of(asset), CAMERA)) < 0.004
    asset.set_warp(None)
    assert np.array_equal(draw(renderer, CAMERA)[0], before)
    renderer.dispose()


@pytest.mark.parametrize("make", [knot, pair, cloud])
def test_a_warp_that_goes_while_its_picture_is_made_ends_it(gl, make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderers.pacing.Pacer.elements", property(lambda self: 200))
    asset = bent(make())
    renderer = renderer_for(asset)
    view = {}
    monkeypatch.setattr(type(renderer), "draw", _first_step(type(renderer).draw, view))
    draw(renderer, CAMERA)
    asset.set_warp(None)
    settle(renderer)
    assert list(view["steps"]) == []
    renderer.dispose()


def _first_step(draw_method, kept):
    """A `draw` that begins a second one and keeps it for later."""

    def wrapped(self, view):
        kept["steps"] = draw_method(self, view)
        next(kept["steps"])
        return iter(())

    return wrapped


@pytest.mark.parametrize("make", [knot, pair, cloud])
def test_nothing_is_left_behind(gl, make) -> None:
    before = living.copy()
    asset = bent(make())
    renderer = renderer_for(asset)
    draw(renderer, CAMERA)
    renderer.pick_depth(CAMERA, 64, 48)
    held, nbytes = sum(living.values()), renderer.gpu_bytes
    asset.set_warp(None)
    settle(renderer)
    assert sum(living.values()) < held and renderer.gpu_bytes < nbytes
    bent(asset, seed=2)
    renderer.sync(0.0)
    renderer.dispose()
    assert {name: count for name, count in living.items() if count != before[name]} == {}
