"""Opaque surfaces, labels and slices, drawn exactly: where they lie, and how they look."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from assets.fields.description import Blob, Head, Input, Label, Layer, Output, Surface
from assets.progress import run
from assets.triplane import Triplane
from renderers.camera import Camera
from renderers.colormap import viridis
from renderers.reference import field_lattice
from renderers.reference.triplane import march
from tests.renderers.field_pictures import RGB, field

CAMERA = Camera.look_at((0.0, 0.0, 4.0), (0.0, 0.0, 0.0), width=33, height=25)
MIDDLE = (12, 16)
COLOR = (1.0, 0.5, 0.25)


def shape(
    name: str = "sdf",
    slope: tuple[float, float, float] = (0.0, 0.0, 1.0),
    raw: float = 0.0,
    level: float = 0.0,
    matter: str = "below",
    rgb: bool = True,
    **output: object,
) -> Triplane:
    """A field whose raw value is raw + slope · position in a box of ±1."""
    outputs = (Output(name, (0, 1), **output), *((RGB,) if rgb else ()))
    triplane = field(slope=slope, density=raw, outputs=outputs)
    description = replace(triplane.description, surface=Surface(name, level, 64, matter))
    return Triplane("shape", triplane.tensors, description)


def ball(**more: object) -> Triplane:
    """A distance to a sphere of radius 0.5: 0.5 − |x| negated."""
    return shape(slope=(0.0, 0.0, 0.0), blob=Blob(-0.5, 0.5), **more)


def seen(triplane: Triplane, camera: Camera = CAMERA, **display: object) -> tuple[np.ndarray, np.ndarray]:
    """Picture and depth."""
    for name, value in display.items():
        triplane.set_display(name, value)
    return run(march(triplane, camera, device="cpu"))


@pytest.mark.parametrize(
    "name, matter, slope, raw, level, depth",
    [
        ("sdf", "below", 1.0, -0.3, 0.0, 3.7),
        ("sdf", "above", -1.0, 0.3, 0.0, 3.7),
        ("occupancy_logit", "above", -7.0, 0.9, -2.0, 4.0 - 2.9 / 7),
        ("udf", "below", 1.0, 0.2, 0.1, 4.1),
        ("sdf", "above", 1.0, -0.3, 0.0, 3.0),
    ],
)
def test_a_surface_lies_at_its_level(
    name: str, matter: str, slope: float, raw: float, level: float, depth: float
) -> None:
    """A plane across the view; in the last case the box cuts the matter, where rays enter it."""
    picture, found = seen(shape(name, (0.0, 0.0, slope), raw, level, matter))
    assert found[MIDDLE] == pytest.approx(depth, abs=1e-4)
    assert picture[MIDDLE] == pytest.approx((*COLOR, 1.0))
    assert (picture[0, 0] == 0).all() and np.isinf(found[0, 0])


def test_a_ball_is_round_and_its_normals_point_out() -> None:
    triplane = ball(rgb=False)
    turn = np.eye(4)
    turn[:3, :3] = 1.3 * np.array([[0.8, 0.0, 0.6], [0.0, 1.0, 0.0], [-0.6, 0.0, 0.8]])
    triplane.set_transform(turn)
    picture, depth = seen(triplane, mode="normal")
    hit = np.isfinite(depth)
    origin, direction = (array[hit] for array in CAMERA.rays())
    points = origin + direction * (depth[hit] / (direction @ -CAMERA.camera_to_world[:3, 2]))[:, None]
    assert hit.sum() > 50
    assert np.abs(np.linalg.norm(points, axis=1) - 0.65).max() < 1e-4
    assert np.abs(picture[hit][:, :3] * 2 - 1 - points / 0.65).max() < 0.01
    middle, _ = seen(triplane, mode="colour")
    assert middle[MIDDLE] == pytest.approx((0.9, 0.9, 0.9, 1.0), abs=1e-3)


def test_a_level_can_be_moved_and_the_lattice_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    triplane = ball()
    monkeypatch.setattr(field_lattice, "LATTICE_SHARE", 0.0)
    plain = {level: seen(triplane, level=level)[1] for level in (0.0, 0.2, -0.1)}
    assert plain[0.2][MIDDLE] == pytest.approx(3.3, abs=1e-4)
    assert plain[-0.1][MIDDLE] == pytest.approx(3.6, abs=1e-4)
    monkeypatch.setattr(field_lattice, "LATTICE_SHARE", 1e9)
    for level, depth in plain.items():
        again = seen(triplane, level=level)[1]
        assert (np.isfinite(again) == np.isfinite(depth)).all()
        both = np.isfinite(depth)
        assert np.abs(again[both] - depth[both]).max() < 1e-3


def test_a_density_has_a_surface_too() -> None:
    haze = field(slope=(0.0, 0.0, -3.0), density=0.0)
    picture, depth = seen(haze, mode="surface", level=1.5, density=0.01)
    assert depth[MIDDLE] == pytest.approx(4.5, abs=1e-3)
    assert picture[MIDDLE] == pytest.approx((*COLOR, 1.0), abs=1e-3)
    side = Camera.look_at((4.0, 0.0, 0.1), (0.0, 0.0, -0.9), width=33, height=25)
    picture, depth = seen(haze, side)
    row, column = np.argwhere(np.isfinite(depth))[len(np.argwhere(np.isfinite(depth))) // 2]
    assert 0.4 <= picture[row, column, 0] < 1.0


def test_depth_and_limit_of_a_surface() -> None:
    picture, _ = seen(ball(), mode="depth")
    assert picture[MIDDLE][3] == 1.0
    near, far = 3.0, 5.0
    assert picture[MIDDLE][0] == pytest.approx(0.95 - 0.87 * (3.5 - near) / (far - near), abs=0.02)
    limit = np.full((25, 33), 3.4, np.float32)
    assert (run(march(ball(), CAMERA, limit, device="cpu"))[0] == 0).all()
    limit[:] = 3.6
    assert run(march(ball(), CAMERA, limit, device="cpu"))[0][MIDDLE][3] == 1.0


def labels(hidden: int | None = 0) -> Triplane:
    """Three layers along z: label 0 in front, from z = 0.5 on; 1 in the middle; 2 behind, from z = −0.5 on."""
    weight = np.float32([[0.0, 0.0, 2.0], [0.0, 0.0, 0.0], [0.0, 0.0, -2.0]])
    bias = np.float32([-1.0, 0.0, -1.0])
    triplane = field()
    head = Head("decoder", (Input("position"),), (Layer("weight", "bias"),), (Output("label", (0, 3)),))
    colors = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    key = tuple(Label(f"label {index}", color, index == hidden) for index, color in enumerate(colors))
    tensors = {"planes": triplane.tensors["planes"], "weight": weight, "bias": bias}
    return Triplane("labels", tensors, replace(triplane.description, heads=(head,), labels=key))


def test_labels_are_opaque_in_their_colours_and_hidden_ones_are_air() -> None:
    picture, depth = seen(labels())
    assert depth[MIDDLE] == pytest.approx(3.5, abs=1e-3)
    assert picture[MIDDLE] == pytest.approx((0.0, 1.0, 0.0, 1.0), abs=1e-3)
    picture, depth = seen(labels(hidden=None))
    assert depth[MIDDLE] == pytest.approx(3.0, abs=1e-3)
    assert picture[MIDDLE][[0, 3]] == pytest.approx((0.4, 1.0), abs=0.61)
    normal, _ = seen(labels(), mode="normal")
    assert normal[MIDDLE] == pytest.approx((0.5, 0.5, 1.0, 1.0), abs=1e-3)


def test_a_slice_shows_what_it_cuts() -> None:
    cut, depth = seen(labels(), mode="slice", slice_axis="z", slice_at=0.5)
    assert depth[MIDDLE] == pytest.approx(4.0, abs=1e-4)
    assert cut[MIDDLE] == pytest.approx((0.0, 1.0, 0.0, 1.0))
    hole, depth = seen(labels(), mode="slice", slice_axis="z", slice_at=0.9)
    assert hole[MIDDLE][3] == 0 and np.isinf(depth[MIDDLE])
    inside, _ = seen(ball(), mode="slice", slice_axis="z", slice_at=0.5)
    assert inside[MIDDLE] == pytest.approx((*COLOR, 1.0), abs=1e-4)
    bare, _ = seen(ball(rgb=False), mode="slice", slice_axis="z", slice_at=0.5)
    assert bare[MIDDLE][:3] == pytest.approx(viridis(torch.tensor([0.5 - 0.5 * 0.5 / 0.625]))[0].tolist(), abs=1e-3)
    haze, _ = seen(field(density=3.5, outputs=(Output("density", (0, 1)),)), mode="slice", slice_at=1.0, level=9.0)
    assert haze[MIDDLE][:3] == pytest.approx(viridis(torch.tensor([0.3]))[0].tolist(), abs=1e-4)


def test_steps_are_counted() -> None:
    thin, thick = field(density=0.01), field(density=400.0)
    few, many = (seen(one, mode="steps")[0][MIDDLE] for one in (thick, thin))
    assert many[:3] == pytest.approx(viridis(torch.tensor([1.0]))[0].tolist(), abs=1e-5)
    assert few[3] == 1.0 and few[0] < many[0]
    assert seen(ball(), mode="steps")[0][MIDDLE][3] == 1.0


def test_every_mode_draws_every_kind() -> None:
    for make in (field, ball, labels):
        for mode in ("colour", "density", "depth", "normal", "surface", "steps", "slice"):
            picture, depth = seen(make(), mode=mode, **({"level": 0.5} if make is field else {}))
            assert np.isfinite(picture).all()
            assert picture[MIDDLE][3] > 0.5, (make, mode)
            assert np.isfinite(depth[MIDDLE])
