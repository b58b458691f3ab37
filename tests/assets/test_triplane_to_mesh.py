"""Triplane → mesh: against balls that are known, against marching cubes of the whole lattice, and through a drag."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh

from assets import samples
from assets.convert import convert
from assets.errors import BadInput
from assets.fields.decoder import Field
from assets.fields.description import Output, Surface
from assets.formats import open_path, save_path
from assets.mesh import Mesh
from assets.progress import Progress, run
from assets.triplane import Triplane

from .warped_fields import ball, lattice, moved, rig_of, with_description

CENTRE = np.array([-0.2, 0.1, 0.0])
RADIUS = ((5 - np.log(25)) / 60) ** 0.5
"""Where the density exp(5 − 60 r²) of `ball` is 25."""

TURN = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
TRIPOSR = Path(__file__).parent.parent / "data" / "triposr" / "asset.pt"
BOWL = Path(samples.__file__).parent / "bowl.safetensors"


def extracted(triplane: Triplane, **options) -> Mesh:
    return run(convert(triplane, "mesh", **options))


def closed(mesh: Mesh) -> trimesh.Trimesh:
    """The only part, which has to be closed, with its faces turned out."""
    (part,) = mesh.parts
    shape = trimesh.Trimesh(part.vertices, part.faces, process=False)
    assert shape.is_watertight and shape.is_winding_consistent and shape.volume > 0
    return shape


def bent_ball(**options) -> Triplane:
    """The ball, turned by 90° about z and moved."""
    triplane = ball(**options)
    cells = lattice((-0.7, -0.4, -0.5), (0.3, 0.6, 0.5))
    near = np.linalg.norm(cells - CENTRE, axis=1) < 0.3
    triplane.set_warp(moved(rig_of(cells[near], cells[~near]), TURN, (0.4, 0.2, 0.1)))
    return triplane


def distances(points: np.ndarray, shape: trimesh.Trimesh) -> np.ndarray:
    """From some of the `points` to the nearest of the triangles whose middles are near."""
    from scipy.spatial import cKDTree

    points = points[np.random.default_rng(0).permutation(len(points))[:10_000]]
    _, near = cKDTree(shape.triangles_center).query(points, k=16)
    pairs = np.repeat(points, 16, 0)
    closest = trimesh.triangles.closest_point(shape.triangles[near.reshape(-1)], pairs)
    return np.linalg.norm(closest - pairs, axis=1).reshape(near.shape).min(1)


def test_a_ball_becomes_a_ball() -> None:
    mesh = extracted(ball(), resolution=48)
    shape, part = closed(mesh), mesh.parts[0]
    assert shape.euler_number == 2
    away = part.vertices - CENTRE
    # The planes hold squares, interpolated between 65 texels: in the middle of a cell 7.3e-4 too much in all.
    np.testing.assert_allclose(np.linalg.norm(away, axis=1), RADIUS, atol=7.3e-4 / (2 * RADIUS) + 1e-4)
    assert (np.einsum("vc,vc->v", part.normals, away / np.linalg.norm(away, axis=1)[:, None]) > 0.995).all()
    np.testing.assert_allclose(np.linalg.norm(part.normals, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(part.colors[:, :3] / 255, part.vertices / 2 + 0.5, atol=3e-3)
    assert part.vertices.dtype == part.normals.dtype == np.float32 and part.faces.dtype == np.uint32


def test_vertices_lie_on_the_exact_surface() -> None:
    triplane = run(open_path(TRIPOSR))[0]
    for resolution in (32, 128):
        vertices = extracted(triplane, resolution=resolution, colour=False).parts[0].vertices
        # On its sides the box cuts a speck off.
        vertices = vertices[np.abs(vertices).max(1) < 0.87 - 1e-5]
        wrong = np.abs(np.log(Field(triplane, "cpu").query(vertices)["density"] / 25))
        # It rises by about 8 from cell to cell of a lattice of 64.
        assert np.quantile(wrong, 0.99) < 0.01 and wrong.max() < 0.3


def sizes_inside(shape: trimesh.Trimesh, box: np.ndarray) -> list[int]:
    """Faces of each part that the box does not cut off, where ours gets a lid."""
    parts = shape.split(only_watertight=False)
    cut = [np.isclose(part.bounds, box, atol=1e-6).any() for part in parts]
    return sorted(len(part.faces) for part, lidded in zip(parts, cut, strict=True) if not lidded)


@pytest.mark.parametrize(
    "path", [BOWL, pytest.param(TRIPOSR, marks=pytest.mark.slow)], ids=lambda path: path.parent.name
)
def test_it_is_what_the_whole_lattice_gives(path: Path) -> None:
    """From a coarse lattice to 128 corners, against marching cubes of all cells."""
    from skimage.measure import marching_cubes

    triplane = run(open_path(path))[0]
    shape = closed(extracted(triplane, resolution=128))
    box = triplane.local_bounds()
    sides = box[1] - box[0]
    cells = np.round(sides / sides.max() * 127).astype(int)
    axes = [np.linspace(*box[:, axis], count + 1) for axis, count in enumerate(cells)]
    density = Field(triplane, "cpu").query(np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3))
    values = np.log(np.maximum(density["density"], 1e-6).reshape(cells + 1) / 25)
    vertices, faces, _, _ = marching_cubes(values, 0.0, spacing=tuple(sides / cells))
    whole = trimesh.Trimesh(vertices + box[0], faces, process=False)
    assert sizes_inside(whole, box) == sizes_inside(shape, box)
    voxel = (sides / cells).max()
    assert distances(whole.vertices, shape).max() < 0.5 * voxel
    assert distances(shape.vertices, whole).max() < 0.5 * voxel


@pytest.mark.parametrize(
    "output, surface",
    [
        (Output("sdf", (0, 1), scale=-1.0, shift=-0.4), Surface("sdf", 0.0, 40, "below")),
        (Output("occupancy_logit", (0, 1), shift=0.4), Surface("occupancy_logit", 0.0, 40)),
        (Output("density", (0, 1), shift=1.4), Surface("density", 1.0, 40)),
        (Output("sdf", (0, 1), scale=-1.0, shift=-0.4), Surface("density", 25.0, 40)),
    ],
    ids=["sdf", "logit", "density", "undeclared"],
)
def test_every_kind_of_surface(output: Output, surface: Surface) -> None:
    """What the planes hold is 5 − 60 r² and becomes −0.4 on the surface, the largest ball of 0.3."""
    mesh = extracted(with_description(ball(outputs=(output,)), surface=surface))
    shape = closed(mesh)
    assert mesh.parts[0].colors is None and mesh.provenance.declared["resolution"] == "40"
    np.testing.assert_allclose(np.linalg.norm(shape.vertices - CENTRE, axis=1), 0.3, atol=2e-3)


def test_a_hole_in_fog_is_a_surface_too() -> None:
    """Matter where a density is low: it fills the box but for the ball, whose surface is turned in."""
    surface = Surface("density", np.exp(-0.4), 40, "below")
    shape = closed(extracted(with_description(ball(), surface=surface)))
    assert shape.volume == pytest.approx(8 - 4 / 3 * np.pi * 0.09**1.5, rel=0.01)


def test_an_unsigned_distance_becomes_a_thin_shell() -> None:
    # |z| itself, from the colour's channel; no side is inside.
    output = Output("udf", (3, 4), "relu")
    triplane = with_description(ball(outputs=(output,)), surface=Surface("udf", 0.0, 32, "below"))
    mesh = extracted(triplane)
    assert mesh.provenance.declared["level"] == f"udf {0.75 * 2 / 31:g}"
    vertices = extracted(triplane, level=0.25).parts[0].vertices
    assert vertices[:, 2].max() == pytest.approx(0.25, abs=1e-4)


def test_a_density_that_the_box_cuts_is_closed_there() -> None:
    triplane = ball((0.95, 0.0, 0.0))
    mesh = extracted(triplane, resolution=64)
    shape = closed(mesh)
    assert shape.vertices[:, 0].max() == pytest.approx(1.0, abs=2e-3)
    whole = 4 / 3 * np.pi * RADIUS**3
    height = RADIUS - 0.05
    assert shape.volume == pytest.approx(whole - np.pi * height**2 * (RADIUS - height / 3), rel=0.05)


def test_it_goes_through_the_drag() -> None:
    triplane = bent_ball()
    vertices = closed(extracted(triplane, resolution=64)).vertices
    target = TURN @ CENTRE + (0.4, 0.2, 0.1)
    np.testing.assert_allclose(np.linalg.norm(vertices - target, axis=1), RADIUS, atol=5e-3)
    colors = extracted(triplane, resolution=64).parts[0].colors[:, :3] / 255
    rest = (vertices - (0.4, 0.2, 0.1)) @ TURN
    np.testing.assert_allclose(colors, rest / 2 + 0.5, atol=6e-3)


def test_a_colour_that_depends_on_the_view_is_seen_from_outside() -> None:
    part = extracted(ball(viewdirs=True), resolution=32).parts[0]
    np.testing.assert_allclose(part.colors[:, :3] / 255, 0.5 - part.normals / 2, atol=3e-3)


def test_a_texture_holds_the_colours_of_the_field(tmp_path: Path) -> None:
    """Read back by another library: the colour at each vertex is what the field has there."""
    mesh = extracted(ball(), resolution=32, colour="texture", texture_size=256)
    part = mesh.parts[0]
    assert part.colors is None and mesh.materials[part.material].base_color_texture.shape == (256, 256, 4)
    for name in ("ball.glb", "ball.obj"):
        run(save_path(mesh, tmp_path / name))
        read = trimesh.load(tmp_path / name, force="mesh", process=False)
        colors = read.visual.to_color().vertex_colors[:, :3] / 255
        # One texel is 0.01 of the ball's size, over which the colour changes by half as much.
        np.testing.assert_allclose(colors, read.vertices / 2 + 0.5, atol=0.02)


def test_the_level_and_time_that_are_shown_are_taken() -> None:
    triplane = ball()
    triplane.set_display("level", 10.0)
    shape = closed(extracted(triplane, resolution=48))
    np.testing.assert_allclose(
        np.linalg.norm(shape.vertices - CENTRE, axis=1), ((5 - np.log(10)) / 60) ** 0.5, atol=2e-3
    )


def test_boxes_that_are_no_cubes() -> None:
    plain = ball()
    space = replace(plain.description.space, low=(-2.0, -1.0, -0.5), high=(2.0, 1.0, 0.5))
    shape = closed(extracted(with_description(plain, space=space), resolution=160))
    away = (shape.vertices / (2.0, 1.0, 0.5) - CENTRE) / RADIUS
    np.testing.assert_allclose(np.linalg.norm(away, axis=1), 1.0, atol=0.02)


def test_frame_and_name_are_kept() -> None:
    triplane = ball()
    triplane.transform = np.array([[0, 0, 3, 10.0], [0, 3, 0, 0], [-3, 0, 0, -4], [0, 0, 0, 1]])
    mesh = extracted(triplane, resolution=16, colour="no", level=10)
    assert mesh.name == "ball" and (mesh.transform == triplane.transform).all()
    assert mesh.parts[0].colors is None
    assert mesh.provenance.declared == {"extracted from": "ball", "level": "density 10", "resolution": "16"}


@pytest.mark.parametrize(
    "options",
    [
        {"resolution": 4},
        {"resolution": "fine"},
        {"level": float("nan")},
        {"colour": "red"},
        {"texture_size": 9},
        {"time": "now"},
    ],
)
def test_options_outside_their_range_are_refused(options: dict) -> None:
    with pytest.raises(BadInput, match=next(iter(options))):
        extracted(ball(), **options)


def test_a_field_without_a_surface_is_refused() -> None:
    with pytest.raises(BadInput, match=r"ball: has no surface at a density of 1000\."):
        extracted(ball(), level=1000, resolution=16)
    colour = with_description(ball(outputs=(Output("rgb", (1, 4), "none"),)))
    with pytest.raises(BadInput, match="neither a density nor a distance"):
        extracted(colour)
    planes = ball()
    with pytest.raises(BadInput, match="no decoder"):
        extracted(Triplane("planes", {"planes": planes.tensors["planes"]}, planes.description))


def test_progress_rises_and_the_job_can_be_left() -> None:
    steps: list[Progress] = []
    run(convert(ball(), "mesh", resolution=128), steps.append)
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions) and fractions[-1] > 0.9 and len(steps) > 30
    job: Generator = convert(ball(), "mesh", resolution=128)
    for _ in range(10):
        next(job)
    job.close()


@pytest.mark.slow
def test_the_familys_own_resolution_takes_seconds(shared: Path) -> None:
    triplane = run(open_path(shared / "oracles/triposr/asset.pt"))[0]
    pauses, last = [], time.process_time()

    def count(_: Progress) -> None:
        nonlocal last
        pauses.append(time.process_time() - last)
        last = time.process_time()

    start = time.process_time()
    mesh = run(convert(triplane, "mesh"), count)
    assert time.process_time() - start < 8.0
    assert mesh.provenance.declared["resolution"] == "256" and len(mesh.parts[0].faces) > 150_000
    closed(mesh)
    assert max(pauses[5:]) < 0.5


@pytest.mark.slow
def test_it_is_the_surface_that_the_family_extracts(shared: Path) -> None:
    """Its 256³ densities, all of them, through marching cubes as it calls it: within half a voxel, both ways."""
    from skimage.measure import marching_cubes

    triplane = run(open_path(shared / "oracles/triposr/asset.pt"))[0]
    shape = closed(extracted(triplane, resolution=256, colour="none"))
    axis = np.linspace(-0.87, 0.87, 256, dtype=np.float32)
    field, slabs = Field(triplane, "cpu"), []
    for x in axis:
        points = np.stack(np.meshgrid([x], axis, axis, indexing="ij"), -1).reshape(-1, 3)
        slabs.append(field.query(points)["density"].reshape(256, 256))
    vertices, faces, _, _ = marching_cubes(np.stack(slabs), 25.0)
    voxel = 2 * 0.87 / 255
    whole = trimesh.Trimesh(vertices * voxel - 0.87, faces, process=False)
    assert distances(whole.vertices, shape).max() < 0.5 * voxel
    assert distances(shape.vertices, whole).max() < 0.5 * voxel
