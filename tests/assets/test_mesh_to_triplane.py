"""Mesh → triplane: the fitted field has its matter where the mesh is closed, and the mesh's colours on its surface."""

from __future__ import annotations

import numpy as np
import pytest

from assets.convert import convert
from assets.errors import BadInput
from assets.fields.bricks.bake import bake
from assets.fields.decoder import Field
from assets.fields.refit.targets import SampledSurface
from assets.formats import open_path, save_path
from assets.mesh import Mesh, MeshPart
from assets.progress import Progress, run
from assets.triplane import Triplane
from tests.small_assets import mesh as small_mesh

from .brick_march import march, rays

QUICK = {"resolution": 48, "channels": 8, "steps": 240}
RADII = np.array([1.0, 0.8, 0.6])


def ellipsoid(rows: int = 40, columns: int = 80) -> Mesh:
    """A closed mesh, red towards +x and blue towards −x."""
    up, around = np.meshgrid(np.linspace(0, np.pi, rows), np.linspace(0, 2 * np.pi, columns), indexing="ij")
    unit = np.stack([np.sin(up) * np.cos(around), np.cos(up), np.sin(up) * np.sin(around)], -1).reshape(-1, 3)
    first = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).reshape(-1)
    faces = np.concatenate(
        [
            np.stack([first, first + 1, first + columns], 1),
            np.stack([first + 1, first + columns + 1, first + columns], 1),
        ]
    )
    colors = np.zeros((len(unit), 4), np.uint8)
    colors[:, 0], colors[:, 2], colors[:, 3] = (unit[:, 0] > 0) * 230, (unit[:, 0] <= 0) * 230, 255
    normals = unit / RADII
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    part = MeshPart("egg", (unit * RADII).astype(np.float32), faces.astype(np.uint32), normals.astype(np.float32))
    part.colors = colors
    return Mesh("egg", [part])


@pytest.fixture(scope="module")
def fitted() -> Triplane:
    return run(convert(ellipsoid(), "triplane", light=0.0, **QUICK))


def test_matter_is_where_the_mesh_is_closed(fitted: Triplane) -> None:
    low, high = fitted.local_bounds()
    points = np.random.default_rng(5).uniform(low, high, (40_000, 3))
    inside = ((points / RADII) ** 2).sum(1) < 1
    dense = Field(fitted, "cpu").query(points)["density"][:, 0] > fitted.description.surface.level
    assert (inside & dense).sum() / (inside | dense).sum() > 0.96


def test_empty_space_is_empty_and_matter_opaque(fitted: Triplane) -> None:
    low, high = fitted.local_bounds()
    points = np.random.default_rng(6).uniform(low, high, (40_000, 3))
    shell = np.sqrt(((points / RADII) ** 2).sum(1))
    density = Field(fitted, "cpu").query(points)["density"][:, 0]
    assert np.median(density[shell < 0.85]) > 500
    assert np.quantile(density[shell > 1.15], 0.99) < 0.01


def test_colours_are_those_of_the_surface(fitted: Triplane) -> None:
    rng = np.random.default_rng(7)
    unit = rng.normal(size=(4000, 3))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    unit = unit[np.abs(unit[:, 0]) > 0.15]
    rgb = Field(fitted, "cpu").query(unit * RADII)["rgb"]
    expected = np.where(unit[:, :1] > 0, [230, 0, 0], [0, 0, 230]) / 255
    assert np.abs(rgb - expected).mean() < 0.03


def test_the_picture_has_the_silhouette_of_the_mesh(fitted: Triplane) -> None:
    grids = []
    run(bake(fitted, levels=(64, 128), device="cpu"), on_partial=grids.append)
    camera = np.eye(4)
    camera[2, 3] = 5.0
    origins, directions = rays(camera, 0.6, 96)
    picture = march(grids[-1], origins, directions)
    a, b = directions / RADII, origins / RADII
    hit = (a * b).sum(1) ** 2 - (a * a).sum(1) * ((b * b).sum(1) - 1) > 0
    seen = np.abs(picture - 1).max(1) > 0.25
    assert (hit & seen).sum() / (hit | seen).sum() > 0.97


def test_it_is_a_triplane_like_any_other(fitted: Triplane, tmp_path) -> None:
    assert fitted.name == "egg (triplane)" and fitted.has_decoder
    assert fitted.description.march.samples == 128 and fitted.description.march.step == "normalised"
    assert fitted.provenance.declared["fitted from"] == "egg"
    assert fitted.provenance.declared["steps"] == "240" and not fitted.provenance.guessed
    run(save_path(fitted, tmp_path / "egg.safetensors"))
    again = run(open_path(tmp_path / "egg.safetensors"))[0]
    assert again.description == fitted.description and again.name == fitted.name


def test_frame_and_transform_are_those_of_the_mesh(fitted: Triplane) -> None:
    mesh = ellipsoid()
    mesh.transform = np.array([[0, 0, 3, 10.0], [0, 3, 0, 0], [-3, 0, 0, -4], [0, 0, 0, 1]])
    steps: list[Progress] = []
    moved = run(convert(mesh, "triplane", **QUICK | {"steps": 3}), steps.append)
    assert (moved.transform == mesh.transform).all()
    np.testing.assert_allclose(moved.local_bounds(), fitted.local_bounds())
    assert (moved.local_bounds()[1] > RADII).all() and (moved.local_bounds()[1] < RADII + 0.2).all()
    assert steps[-1].fraction == 1.0 and "loss" in steps[-1].text
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_field() -> None:
    first, second, other = (
        run(convert(small_mesh(), "triplane", **QUICK | {"steps": 70, "seed": seed})) for seed in (3, 3, 4)
    )
    for name, array in first.tensors.items():
        assert array.tobytes() == second.tensors[name].tobytes()
    assert first.tensors["scene_codes"].tobytes() != other.tensors["scene_codes"].tobytes()


def test_light_from_above_is_baked_on_demand(fitted: Triplane) -> None:
    poles = np.array([[0, 0.78, 0], [0, -0.78, 0.0]])
    lit = run(convert(ellipsoid(), "triplane", light=1.0, **QUICK))
    top, bottom = Field(lit, "cpu").query(poles)["rgb"].max(1)
    assert top > 1.2 * bottom
    top, bottom = Field(fitted, "cpu").query(poles)["rgb"].max(1)
    assert top < 1.1 * bottom


@pytest.mark.parametrize(
    "options", [{"steps": 0}, {"resolution": 4}, {"channels": "many"}, {"light": 2.0}, {"seed": -1}, {"light": None}]
)
def test_options_outside_their_range_are_refused(options: dict) -> None:
    with pytest.raises(BadInput, match=next(iter(options))):
        run(convert(small_mesh(), "triplane", **options))


def test_a_mesh_without_a_surface_is_refused() -> None:
    empty = MeshPart("none", *(np.zeros((0, 3), kind) for kind in (np.float32, np.uint32, np.float32)))
    with pytest.raises(BadInput, match="no surface"):
        run(convert(Mesh("none", [empty]), "triplane"))


def sphere(count: int, turned: float = 1.0, part: float = 1.0) -> SampledSurface:
    """Even samples of the unit sphere's upper `part`; `turned` −1 lets the normals point in."""
    index = np.random.default_rng(9).permutation(count)
    height = 1 - 2 * part * (index + 0.5) / count
    angle = index * np.pi * (3 - 5**0.5)
    ring = np.sqrt(1 - height**2)
    points = np.stack([ring * np.cos(angle), height, ring * np.sin(angle)], 1)
    surface = SampledSurface(
        points, points * turned, points * 0 + 0.5, 4 * np.pi * part, np.array([[-1.5] * 3, [1.5] * 3])
    )
    run(surface.measure())
    return surface


@pytest.mark.parametrize("turned", [1.0, -1.0])
def test_signed_distances(turned: float) -> None:
    points = np.random.default_rng(8).uniform(-1.5, 1.5, (5000, 3))
    surface = sphere(40_000, turned)
    targets = run(surface.targets(points))
    radius = np.linalg.norm(points, axis=1)
    np.testing.assert_allclose(np.abs(targets.distances), np.abs(1 - radius), atol=0.01)
    clear = np.abs(1 - radius) > 0.005
    assert (np.sign(targets.distances[clear]) == np.sign(1 - radius[clear])).all()


def test_an_open_sheet_does_not_fill_the_space_behind_it() -> None:
    """A cap of a sphere: what lies far behind its back is outside, a skin of it inside."""
    targets = run(sphere(40_000, part=0.15).targets(np.array([[0.0, -1.0, 0.0], [0.0, 0.2, 0.0], [0.0, 0.995, 0.0]])))
    assert (np.sign(targets.distances) == [-1, -1, 1]).all()
