"""Each rule of a march against its closed form, on fields with a known density."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from assets.fields.description import Blob, March, Output
from assets.progress import run
from assets.triplane import Triplane
from renderers.camera import Camera
from renderers.reference.field_rays import DENSE, Place, cut_rays, make_rays, rule_of
from renderers.reference.fine_samples import _at_quantiles
from renderers.reference.triplane import march
from tests.renderers.field_pictures import RGB, field

CAMERA = Camera.look_at((0.0, 0.0, 4.0), (0.0, 0.0, 0.0), width=33, height=25)
MIDDLE = (12, 16)
TWICE = March(samples=40, fine=40, placement="edges")


def seen(triplane: Triplane, camera: Camera = CAMERA, pixel: tuple[int, int] = MIDDLE) -> np.ndarray:
    """The pixel (4,) of a picture."""
    return run(march(triplane, camera, device="cpu"))[0][pixel]


def fog(density: float = 1.0, **rule: object) -> Triplane:
    """Even fog in a box of ±1, which a ray through the middle crosses from 3 to 5."""
    return field(density=density, march=March(**rule))


def ramp(**rule: object) -> Triplane:
    """Density max(0, z), which a ray through the middle sees fall from 1 at 3 to 0 at 4."""
    return field(slope=(0.0, 0.0, 1.0), density=0.0, march=March(**rule))


def ramp_at(*distances: float) -> np.ndarray:
    """Its density at distances from the eye."""
    return np.maximum(4.0 - np.array(distances), 0.0)


def opacity(thickness: float) -> float:
    """Of an optical depth."""
    return 1 - float(np.exp(-thickness))


def test_midpoints_lie_in_the_middle_of_their_bins() -> None:
    expected = opacity(0.5 * ramp_at(3.25, 3.75, 4.25, 4.75).sum())
    assert seen(ramp(samples=4))[3] == pytest.approx(expected, abs=1e-5)


def test_edges_count_up_to_the_next_one() -> None:
    for last_step, more in ((None, 0.0), (3.0, 3.0)):
        rule = {"samples": 5, "placement": "edges", "last_step": last_step}
        assert seen(fog(0.2, **rule))[3] == pytest.approx(opacity(0.2 * (2.0 + more)), abs=1e-5)
    assert seen(ramp(samples=5, placement="edges"))[3] == pytest.approx(opacity(0.5 * 1.5), abs=1e-5)


def test_stratified_samples_lie_half_a_step_further() -> None:
    expected = opacity(0.5 * ramp_at(3.25, 3.75).sum())
    assert seen(ramp(samples=5, placement="stratified"))[3] == pytest.approx(expected, abs=1e-5)
    # The last one lies behind the box, where the field goes on: 1.25 from the middle.
    rising = field(slope=(0.0, 0.0, -1.0), density=0.0, march=March(samples=5, placement="stratified", last_step=2.0))
    expected = opacity(0.5 * (0.25 + 0.75) + 2.0 * 1.25)
    assert seen(rising)[3] == pytest.approx(expected, abs=1e-5)
    rising.description = replace(rising.description, march=replace(rising.description.march, outside="empty"))
    assert seen(rising)[3] == pytest.approx(opacity(0.5 * (0.25 + 0.75)), abs=1e-5)


def test_segments_average_before_the_activation() -> None:
    """Raw −1 and 1 make a segment of 0, of which relu leaves nothing; and colour is averaged after its own."""
    steep = field(slope=(0.0, 0.0, 2.0), density=0.0, march=March(samples=2, placement="edges", between="segment"))
    assert seen(steep)[3] == 0
    steep = field(slope=(0.0, 0.0, 2.0), density=1.0, march=March(samples=3, placement="edges", between="segment"))
    # Raw 3, 1, −1 at 3, 4, 5: segments of 2 and 0.
    assert seen(steep)[3] == pytest.approx(opacity(2.0), abs=1e-5)


def test_a_blob_is_averaged_with_the_density_it_belongs_to() -> None:
    output = Output("density", (0, 1), "relu", blob=Blob(2.0, 1.0))
    rule = March(samples=3, placement="edges", between="segment")
    blob = field(density=-1.0, march=rule, outputs=(output, RGB))
    # −1, 1, −1 where the ray enters, in the middle, and where it leaves.
    assert seen(blob)[3] == pytest.approx(0.0, abs=1e-5)
    blob = field(density=0.0, march=rule, outputs=(output, RGB))
    assert seen(blob)[3] == pytest.approx(opacity(2.0), abs=1e-5)


def test_a_segment_that_ends_in_nothing_is_nothing() -> None:
    rule = {"samples": 5, "placement": "edges", "between": "segment", "limits": "range", "near": 2.4, "far": 4.4}
    # Samples at 2.4, 2.9, … 4.4, and on in the same step to 4.9; the box ends at 5.
    assert seen(fog(0.7, outside="empty", **rule))[3] == pytest.approx(opacity(0.7 * 1.5), abs=1e-4)
    assert seen(fog(0.7, **rule))[3] == pytest.approx(opacity(0.7 * 2.5), abs=1e-4)


@pytest.mark.parametrize("near, far, length", [(3.0, 5.0, 2.0), (3.5, 4.5, 2.0), (2.0, 6.0, 4.0)])
def test_a_range_goes_on_where_the_box_does(near: float, far: float, length: float) -> None:
    rule = {"samples": 200, "limits": "range", "near": near, "far": far}
    assert seen(fog(0.4, **rule))[3] == pytest.approx(opacity(0.4 * length), abs=1e-3)
    assert seen(fog(0.4, outside="empty", **rule))[3] == pytest.approx(opacity(0.4 * 2.0), abs=1e-3)


@pytest.mark.parametrize("distance", [1.0, 4.0, 9.0])
def test_a_range_keeps_step_and_phase_wherever_the_camera_stands(distance: float) -> None:
    rule = {"samples": 6, "placement": "edges", "limits": "range", "near": 3.1, "far": 4.6}
    camera = Camera.look_at((0.0, 0.0, distance), (0.0, 0.0, 0.0), width=33, height=25)
    places = 3.1 + 0.3 * np.arange(-40, 60)
    places = places[(places > 0) & (np.abs(places - distance) < 1.0)]
    expected = opacity(0.3 * np.maximum(distance - places, 0).sum())
    assert seen(ramp(outside="empty", **rule), camera)[3] == pytest.approx(expected, abs=1e-4)


def test_around_counts_from_the_middle_of_the_box() -> None:
    rule = {"samples": 4, "limits": "around", "near": -1.0, "far": 1.0}
    for distance in (2.5, 4.0, 7.0):
        camera = Camera.look_at((0.0, 0.0, distance), (0.0, 0.0, 0.0), width=33, height=25)
        assert seen(ramp(**rule), camera)[3] == pytest.approx(opacity(0.5), abs=1e-5)


def test_parallel_rays_count_from_the_middle_too() -> None:
    camera = replace(CAMERA, ortho_height=3.0)
    rule = {"samples": 4, "limits": "range", "near": 10.0, "far": 12.0}
    assert seen(ramp(**rule), camera)[3] == pytest.approx(opacity(0.5), abs=1e-5)
    assert seen(fog(0.4, **rule), camera)[3] == pytest.approx(opacity(0.8), abs=1e-5)


def test_axial_distances_are_depths() -> None:
    """A ray to the corner is longer than the way along the axis, by 1 / cos."""
    wide = Camera.look_at((0.0, 0.0, 4.0), (0.0, 0.0, 0.0), fov_y_deg=20.0, width=33, height=25)
    rays = wide.rays()[1][0, 0] @ -wide.camera_to_world[:3, 2]
    rule = {"samples": 4, "limits": "range", "near": 3.2, "far": 4.8, "outside": "empty"}
    # One step more in front of the first and behind the last would lie outside of the box.
    for axial, share in ((True, 1 / rays), (False, 1.0)):
        found = seen(fog(0.5, axial=axial, **rule), wide, (0, 0))[3]
        assert found == pytest.approx(opacity(0.5 * 1.6 * share), abs=1e-5)


def test_steps_can_be_scaled_and_normalised() -> None:
    assert seen(fog(0.1, samples=7, step_scale=5.0))[3] == pytest.approx(opacity(0.1 * 2.0 * 5.0), abs=1e-5)
    rule = {"samples": 7, "placement": "edges", "step": "normalised"}
    assert seen(fog(0.5, **rule))[3] == pytest.approx(opacity(0.5), abs=1e-5)


def test_what_is_too_faint_is_left_out() -> None:
    # Opacities of 0.5 · step with steps of 0.1: 0.0488 each.
    assert seen(fog(0.5, samples=20, alpha_floor=0.04))[3] == pytest.approx(opacity(1.0), abs=1e-5)
    assert seen(fog(0.5, samples=20, alpha_floor=0.05))[3] == 0
    light = seen(fog(0.5, samples=20, weight_floor=0.03))
    kept = np.exp(-0.05 * np.arange(20)) * opacity(0.05)
    assert light[3] == pytest.approx(opacity(1.0), abs=1e-5)
    assert light[0] == pytest.approx(kept[kept > 0.03].sum(), abs=1e-5)


@pytest.mark.parametrize("between", ["sample", "segment"])
@pytest.mark.parametrize("counted", ["merged", "fine"])
def test_two_passes_see_the_fog_that_is_there(between: str, counted: str) -> None:
    rule = replace(TWICE, between=between, counted=counted)
    found = seen(field(density=1.5, march=rule))
    # Those that are counted lie between the middles of the outer bins of the first pass, at worst.
    assert found[3] == pytest.approx(opacity(3.0), abs=0.02)
    assert found[:3] / found[3] == pytest.approx((1.0, 0.5, 0.25), abs=1e-4)


def test_the_second_pass_finds_what_the_first_only_touches() -> None:
    """A wall between two samples of the first pass, thin against their step."""
    wall = field(slope=(0.0, 0.0, -400.0), density=30.0, march=March(samples=9, fine=60, placement="edges"))
    wall.description = replace(wall.description, march=replace(wall.description.march, far=0.0))
    found, depth = run(march(wall, CAMERA, device="cpu"))
    # Density is 0 in front of z = 0.075, so at a distance of 3.925, and rises by 400 per unit.
    assert depth[MIDDLE] == pytest.approx(3.925 + np.sqrt(2 * np.log(2) / 400), abs=0.02)
    assert found[(*MIDDLE, 3)] > 0.999


def test_quantiles_are_those_of_a_piecewise_even_density() -> None:
    borders, weights = torch.tensor([[0.0, 1.0, 3.0, 4.0]]), torch.tensor([[1.0, 2.0, 1.0]])
    found = _at_quantiles(borders, weights, torch.tensor([0.0, 0.125, 0.25, 0.5, 0.75, 1.0]))
    assert found[0].tolist() == pytest.approx([0.0, 0.5, 1.0, 2.0, 3.0, 4.0], abs=1e-4)


def test_chance_is_replaced_by_many_samples() -> None:
    by_chance = March(samples=48, fine=48, placement="stratified", between="segment")
    assert (rule_of(by_chance).samples, rule_of(by_chance).fine) == (DENSE, DENSE)
    assert rule_of(replace(by_chance, samples=200, fine=0)).samples == 200
    # These have a mode of their own without chance.
    assert rule_of(March(samples=128, fine=128, placement="stratified")).samples == 128


@pytest.mark.parametrize("limits", ["box", "range"])
@pytest.mark.parametrize("fine", [0, 30])
def test_what_is_opaque_ends_any_ray(limits: str, fine: int) -> None:
    even = fog(
        1.0, samples=100, fine=fine, placement="edges", limits=limits, near=3.0 if limits == "range" else 0, far=5
    )
    for wall, inside in ((2.0, 0.0), (3.73, 0.73), (6.0, 2.0)):
        limit = np.full((CAMERA.height, CAMERA.width), wall, np.float32)
        picture = run(march(even, CAMERA, limit, device="cpu"))[0]
        assert picture[(*MIDDLE, 3)] == pytest.approx(opacity(inside), abs=1e-3)


def test_an_endless_last_step_begins_at_its_sample() -> None:
    veil = fog(1e-6, samples=9, placement="edges", last_step=1e10)
    picture, depth = run(march(veil, CAMERA, device="cpu"))
    assert picture[(*MIDDLE, 3)] == pytest.approx(1.0)
    assert depth[MIDDLE] == pytest.approx(5.0, abs=1e-3)


def test_the_picture_is_of_the_displays_time() -> None:
    from assets.fields.description import Head, Input, Layer

    flash = fog(0.0, samples=4)
    tensors = {**flash.tensors, "weight": np.float32([[1.0], [0.0], [0.0], [0.0]])}
    head = Head("decoder", (Input("time"),), (Layer("weight", "bias"),), flash.description.heads[0].outputs)
    flash = Triplane("flash", tensors, replace(flash.description, heads=(head,)))
    for time in (-1.0, 0.25, 1.0):
        flash.set_display("time", time)
        assert seen(flash)[3] == pytest.approx(opacity(2 * max(time, 0)), abs=1e-5)


def test_a_sample_stands_for_the_ball_that_fills_the_cone_of_its_pixel() -> None:
    cone = np.sqrt(1 / np.pi) / CAMERA.fy
    place = Place(np.array([[-1.0] * 3, [1.0] * 3]), None, np.diag([2.0, 2.0, 2.0, 1.0]), False)
    rule = March(samples=4)
    everyone = torch.arange(1)
    for camera, expected in (
        (CAMERA, 2 * 4.0 * np.sin(np.arctan(cone))),
        (replace(CAMERA, ortho_height=3.0), 2 * 3.0 / 25 * np.sqrt(1 / np.pi)),
    ):
        part = camera.cropped(MIDDLE[1], MIDDLE[0], 1, 1)
        pixels, cut = cut_rays(place, rule, part, None)
        rays = make_rays(cut, rule, place, part, torch.from_numpy)
        way = ((4.0 - rays.start) / rays.along)[:, None]
        assert len(pixels) == 1
        assert rays.radius(everyone, way).item() == pytest.approx(expected, rel=1e-4)
