"""Drags of whole assets, as the command line does them: odd sizes, odd matter, and what lies beside it."""

from __future__ import annotations

import numpy as np
import pytest

from assets.asset import Asset
from assets.deform.drag import Dab, Drag
from assets.deform.kinds import flattened
from assets.deform.matter import Matter, bridged
from assets.deform.rig import make_rig, paint_mask
from assets.deform.solver import dragged
from assets.gaussians import Gaussians
from assets.mesh import Mesh, MeshPart
from assets.meshes.normals import vertex_normals
from assets.points import Points
from assets.progress import run
from tests.assets.deform_shapes import bar, edges_of, points, pull, strain, turn, volume


def mesh_of(vertices: np.ndarray, faces: np.ndarray) -> Mesh:
    """One part with normals."""
    vertices, faces = np.float32(vertices), np.uint32(faces)
    return Mesh("mesh", [MeshPart("part", vertices, faces, vertex_normals(vertices, faces))])


def cloud_of(positions: np.ndarray) -> Points:
    """White points."""
    return Points("cloud", np.float32(positions), np.full((len(positions), 4), 255, np.uint8))


def splats_of(means: np.ndarray, sigma: float = 0.05) -> Gaussians:
    """Round dense splats without view-dependent colour."""
    count = len(means)
    turns = np.tile(np.float32([1, 0, 0, 0]), (count, 1))
    sizes = np.full((count, 3), np.log(sigma), np.float32)
    return Gaussians("splats", np.float32(means), sizes, turns, np.full(count, 3, np.float32), np.zeros((count, 1, 3)))


def sphere(count: int, seed: int = 0) -> np.ndarray:
    """Random places on the unit sphere."""
    places = np.random.default_rng(seed).normal(size=(count, 3))
    return places / np.linalg.norm(places, axis=1, keepdims=True)


def places_of(asset: Asset) -> np.ndarray:
    """Where its elements are, (N,3) f64."""
    if isinstance(asset, Mesh):
        return np.concatenate([part.vertices.astype(np.float64) for part in asset.parts])
    return np.float64(asset.means if isinstance(asset, Gaussians) else asset.positions)


def after(asset: Asset, drag: Drag) -> np.ndarray:
    """Where its elements are once a drag is in its data."""
    warp, _ = run(dragged(asset, drag))
    asset.set_warp(warp)
    moved = places_of(run(flattened(asset)))
    asset.set_warp(None)
    return moved


CUBE = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float64)
CUBE_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4]]
    + [[1, 5, 7], [1, 7, 3]]
)
TRIANGLE = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
FAR = np.array([1e6, -2e6, 5e5])

SHAPES = {
    "cube": lambda: mesh_of(CUBE, CUBE_FACES),
    "tiny cube": lambda: mesh_of(1e-6 * CUBE, CUBE_FACES),
    "huge cube": lambda: mesh_of(1e6 * CUBE, CUBE_FACES),
    "cube far away": lambda: mesh_of(CUBE * 64 + FAR, CUBE_FACES),
    "triangle": lambda: mesh_of(TRIANGLE, [[0, 1, 2]]),
    "five points": lambda: cloud_of(sphere(5)),
    "random points": lambda: cloud_of(sphere(1000)),
    "random splats": lambda: splats_of(sphere(1000)),
    # Its outermost splats lie far from all others.
    "haze": lambda: splats_of(np.random.default_rng(5).normal(size=(20_000, 3))),
}


SLOW = {"huge cube", "tiny cube"}


@pytest.mark.parametrize(
    "make",
    [pytest.param(make, id=name, marks=[pytest.mark.slow] * (name in SLOW)) for name, make in SHAPES.items()],
)
def test_any_shape_follows_its_handles(make) -> None:
    """At rest it rests, a rigid motion of the handles moves all of it rigidly, and handles arrive where pins hold."""
    asset = make()
    rest = places_of(asset)
    size = float(np.linalg.norm(np.ptp(rest, axis=0)))
    rounding = 4 * float(np.spacing(np.float32(np.abs(rest).max()))) / size
    chosen = np.random.default_rng(1).permutation(len(rest))[:5]
    held = rest[chosen]
    assert np.abs(after(asset, pull(held, held)) - rest).max() < (1e-5 + rounding) * size
    middle, rotation = rest.mean(0), turn((1, 2, -1), 100)
    found = after(asset, pull(held, (held - middle) @ rotation.T + middle + 0.2 * size))
    assert np.abs(found - ((rest - middle) @ rotation.T + middle + 0.2 * size)).max() < (1e-4 + rounding) * size
    goal = held[:1] + 0.2 * size * np.array([0.5, 0.7, -0.5])
    found = after(asset, pull(held[:1], goal, pins=points(held[1:])))
    assert np.abs(found[chosen[0]] - goal).max() < (0.005 + rounding) * size
    assert np.abs(found[chosen[1:]] - held[1:]).max() < (0.001 + rounding) * size


ALONE = {
    "point": lambda: cloud_of([[3, 4, 5]]),
    "points in one place": lambda: cloud_of(np.tile([3.0, 4, 5], (50, 1))),
    "splat": lambda: splats_of(np.float64([[3, 4, 5]])),
    "face without area": lambda: mesh_of(np.tile([3.0, 4, 5], (3, 1)), [[0, 1, 2]]),
}


@pytest.mark.parametrize("make", ALONE.values(), ids=ALONE)
def test_what_has_no_size_moves(make) -> None:
    found = after(make(), pull(np.float64([[3, 4, 5]]), np.float64([[4, 4, 7]])))
    assert np.abs(found - (4, 4, 7)).max() < 1e-3


def test_a_splat_is_grabbed_at_its_side() -> None:
    asset = splats_of(np.float64([[0, 0, 0]]), 0.5)
    found = after(asset, pull(np.float64([[0, 0, 0.9]]), np.float64([[0, 0, 1.9]])))
    assert np.abs(found - (0, 0, 1)).max() < 1e-3


def test_a_floater_far_away_makes_no_asset_large() -> None:
    """The reach of a lone handle, and how far it may lie off, are shares of what there is to see."""
    asset = splats_of(np.concatenate([sphere(2000), [[500, 0, 0]]]))
    rig = run(make_rig(asset))
    assert rig.size == pytest.approx(np.sqrt(12), rel=0.02)
    top = np.argmax(asset.means[:2000, 1])
    rest = places_of(asset)
    found = after(asset, pull(rest[[top]], rest[[top]] + (0, 0.4, 0)))
    assert np.abs(found[top] - rest[top] - (0, 0.4, 0)).max() < 0.01
    assert np.array_equal(found[rest[:, 1] < -0.7], rest[rest[:, 1] < -0.7]) and np.array_equal(found[-1], rest[-1])


def test_what_floats_near_goes_along_and_is_within_the_bounds() -> None:
    around = np.concatenate([sphere(2000), [[0, 1.3, 0]]])
    asset = splats_of(around)
    held = np.float64([[1, 0, 0], [-1, 0, 0], [0, 0, 1], [0, 1, 0]])
    warp, _ = run(dragged(asset, pull(held, held + (0, 2, 0))))
    asset.set_warp(warp)
    assert np.abs(run(flattened(asset)).means[-1] - (0, 3.3, 0)).max() < 1e-3
    assert asset.bounds()[1, 1] >= 3.3


def test_parts_without_a_link_turn_with_the_others() -> None:
    """Dust that is rigidly moved: each grain turns too, though nothing but its handle says so."""
    grains = np.float64([[0, 0, 0], [3, 0, 0], [0, 3, 0], [0, 0, 3]])
    vertices = np.concatenate([1e-3 * TRIANGLE + grain for grain in grains] + [CUBE + 1.0])
    faces = np.concatenate([np.arange(12).reshape(4, 3), CUBE_FACES + 12])
    asset = mesh_of(vertices, faces)
    rest = places_of(asset)
    held = np.concatenate([grains, CUBE[:4] + 1.0])
    rotation = turn((1, 1, 0), 120)
    found = after(asset, pull(held, held @ rotation.T))
    assert np.abs(found - rest @ rotation.T).max() < 1e-5


def test_crumbs_hang_on_what_they_touch_however_few_parts_there_are() -> None:
    line = np.linspace(0, 1, 3000)[:, None] * (1.0, 0, 0)
    spacing = 1 / 2999
    crumbs = np.float64([[0.5, 0.5 * spacing, 0], [0.5, 5 * spacing, 0]])
    edges = np.stack([np.arange(2999), np.arange(1, 3000)], 1)
    found = bridged(Matter(np.concatenate([line, crumbs]), edges, spacing), 128)
    assert len(found.edges) == len(edges) + 1 and found.edges[-1, 0] == 3000


@pytest.mark.parametrize("degrees", [90, 180])
def test_a_thick_bar_keeps_its_volume(degrees: float) -> None:
    """What is inside of it is as much matter as its surface."""
    vertices, faces = bar(50, 10, 5.0, 1.0)
    asset = mesh_of(vertices, faces)
    ends = [vertices[:, 0] <= -2.5, vertices[:, 0] >= 2.5]
    radius, angle = 5 / np.radians(degrees), np.radians(degrees)
    there = np.array([radius * np.sin(angle) - 2.5, radius * (1 - np.cos(angle)), 0])
    targets = (vertices[ends[1]] - (2.5, 0, 0)) @ turn((0, 0, 1), degrees).T + there
    found = after(asset, pull(vertices[ends[1]], targets, pins=points(vertices[ends[0]])))
    assert abs(volume(found, faces) / volume(vertices, faces) - 1) < 0.08
    # The ideal arc is no more than twice as good as blended translations: it is the bar that is thick.
    blended = vertices + (vertices[:, :1] / 5 + 0.5) * (targets - vertices[ends[1]]).mean(0)
    edges = edges_of(faces)
    assert strain(vertices, found, edges) * 1.7 < strain(vertices, blended, edges)


def test_paint_is_the_same_however_it_is_found() -> None:
    """Dabs look only at what is near to them."""
    random = np.random.default_rng(0)
    places = random.normal(size=(500, 3))
    dabs = [
        Dab(tuple(place), float(radius), bool(fixed), direction=(0.0, 0.0, 1.0) if through else None)
        for place, radius, fixed, through in zip(
            random.normal(size=(40, 3)).tolist(), random.uniform(0.1, 1, 40), random.integers(0, 2, 40), range(-39, 1)
        )
    ]
    expected = np.ones(500)
    for dab in dabs:
        expected += dab.cover(places) * ((0.0 if dab.fixed else 1.0) - expected)
    assert np.array_equal(paint_mask(places, tuple(dabs), False), expected)
