"""What people change of a description: keys, values, what is refused, and what the provenance says afterwards."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assets.asset import Provenance
from assets.errors import BadInput
from assets.fields.adjusting.adjust import CHOSEN, SECTIONS, adjust, adjusted, marked, properties, take
from assets.fields.bricks.grid import BrickGrid
from assets.fields.decoder import Field
from assets.fields.description import FieldDescription, Group, Head, Input, Layer, Output, Plane, Space
from assets.triplane import Triplane

AXES = (("x", "y"), ("x", "z"), ("y", "z"))


def field(groups: int = 1) -> FieldDescription:
    """Three planes of two channels per group, and a decoder of two layers."""
    made = tuple(
        Group(f"g{place}", tuple(Plane("planes", number, axes) for number, axes in enumerate(AXES)), combine="sum")
        for place in range(groups)
    )
    layers = (Layer("w0", "b0", "relu"), Layer("w1"))
    outputs = (Output("density", (0, 1), "exp", bias=-1.0), Output("rgb", (1, 4), "sigmoid"))
    inputs = tuple(Input("group", group.name) for group in made)
    return FieldDescription("test", Space((-1.0,) * 3, (1.0,) * 3), made, (Head("decoder", inputs, layers, outputs),))


def triplane(description: FieldDescription | None = None) -> Triplane:
    """A small field with random planes, whose axes and box were guessed."""
    rng = np.random.default_rng(3)
    description = description or field()
    shapes = {"planes": (3, 2, 4, 5), "w0": (6, 2 * len(description.groups)), "b0": (6,), "w1": (4, 6)}
    tensors = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    guessed = {"axes": "xy, xz, yz", "box": "±1", "sampling": "bilinear, zeros outside"}
    return Triplane("small", tensors, description, Provenance(guessed=guessed))


def value(description: FieldDescription, key: str) -> object:
    """The present value of a property."""
    return next(entry.value for entry in properties(description) if entry.key == key)


def test_keys_are_unique_and_sections_known() -> None:
    for description in (field(), field(2)):
        keys = [entry.key for entry in properties(description)]
        assert len(set(keys)) == len(keys)
        assert {entry.section for entry in properties(description)} == set(SECTIONS)
    assert "g1.padding" in [entry.key for entry in properties(field(2))]


@pytest.mark.parametrize("groups", [1, 2])
def test_every_property_takes_its_own_value_and_each_choice(groups: int) -> None:
    description = field(groups)
    for entry in properties(description):
        assert adjusted(description, entry.key, entry.value) == description, entry.key
        assert adjusted(description, entry.key, str(entry.value)) == description, entry.key
        for choice in entry.choices:
            try:
                changed = adjusted(description, entry.key, choice)
            except BadInput:  # a density of three channels, or two rows along one axis
                continue
            now = {other.key: other.value for other in properties(changed)}
            assert now.get(entry.key, choice) == choice, entry.key


@pytest.mark.parametrize(
    ("key", "given", "expected"),
    [
        ("box", "0.5", "±0.5"),
        ("box", "-1 -2 -3 1 2 3", "-1 -2 -3 … 1 2 3"),
        ("box", "−1, −2, −3 … 1, 2, 3", "-1 -2 -3 … 1 2 3"),
        ("axes", "zy, x-z y-x", "zy x-z y-x"),
        ("axes.1", "-zx", "-zx"),
        ("sign.z", "-", "-"),
        ("order", "2 0 1", "2 0 1"),
        ("align_corners", "true", True),
        ("padding", "border", "border"),
        ("density.activation", "softplus", "softplus"),
        ("density.bias", "-2.5", -2.5),
        ("decoder.hidden", "silu", "silu"),
        ("background", "0.5", "0.5 0.5 0.5"),
        ("march.samples", 96, 96),
        ("march.last_step", "0.25", "0.25"),
        ("contraction", "mip360_linf", "mip360_linf"),
        ("up", "-z", "-z"),
        ("surface.level", "10", 10.0),
    ],
)
def test_values(key: str, given: object, expected: object) -> None:
    assert value(adjusted(field(), key, given), key) == expected


@pytest.mark.parametrize(
    ("key", "given", "told"),
    [
        ("box", "big", "numbers"), ("box", "-1", "above space.low"), ("padding", "zero", "zeros, border"),
        ("align_corners", "maybe", "true or false"), ("axes", "xy xz", "2 planes"), ("axes.0", "xx", "is one of"),
        ("order", "0 0 1", "is one of"), ("march.samples", "1.5", "whole number"), ("march.samples", "0", "between 1"),
        ("background", "2", "between 0 and 1"), ("bos", "1", "similar are box"), ("g0.paddin", "zeros", "similar"),
        ("density.bias", "nan", "number"), ("rgb.quantity", "sdf", "channels"), ("march.last_step", "soon", "number"),
    ],
)  # fmt: skip
def test_what_is_refused_names_the_key(key: str, given: object, told: str) -> None:
    with pytest.raises(BadInput, match=f"^{key}: ") as caught:
        adjusted(field(), key, given)
    assert told in str(caught.value) and len(str(caught.value)) < 400


def test_several_groups_change_together_while_they_agree() -> None:
    shown = [entry.key for entry in properties(field(2)) if not entry.aside]
    assert "padding" in shown and "sign.x" in shown and "g0.padding" not in shown and "g1.axes.0" in shown
    both = adjusted(adjusted(field(2), "padding", "border"), "sign.z", "-")
    assert [group.padding for group in both.groups] == ["border"] * 2
    assert all(plane.axes[-1] != "z" for group in both.groups for plane in group.planes)
    apart = adjusted(both, "g1.padding", "zeros")
    assert [group.padding for group in apart.groups] == ["border", "zeros"]
    shown = [entry.key for entry in properties(apart) if not entry.aside]
    assert "padding" not in shown and "g0.padding" in shown and "sign.z" in shown


def test_a_change_that_does_not_fit_the_tensors_is_refused() -> None:
    with pytest.raises(BadInput, match="^combine: heads"):
        adjust(triplane(), "combine", "concat")


def test_a_changed_sign_reads_the_mirrored_plane() -> None:
    asset = triplane()
    points = np.random.default_rng(4).uniform(-0.9, 0.9, (40, 3)).astype(np.float32)
    mirrored = points * np.array([1, 1, -1], np.float32)
    expected = Field(asset, "cpu").query(mirrored)["density"]
    take(asset, "sign.z", "-")
    assert np.allclose(Field(asset, "cpu").query(points)["density"], expected, atol=1e-6)


def test_a_changed_order_reads_the_other_planes() -> None:
    asset, other = triplane(), triplane()
    take(asset, "order", "2 0 1")
    other.tensors = {**other.tensors, "planes": other.tensors["planes"][[2, 0, 1]]}
    points = np.random.default_rng(5).uniform(-1, 1, (40, 3)).astype(np.float32)
    assert np.array_equal(Field(asset, "cpu").query(points)["rgb"], Field(other, "cpu").query(points)["rgb"])


def test_planes_in_tensors_of_their_own_change_their_order() -> None:
    planes = tuple(Plane(name, 0, axes) for name, axes in zip(("p2", "p10", "p1"), AXES, strict=True))
    description = replace(field(), groups=(Group("g0", planes),))
    assert value(description, "order") == "1 2 0"
    changed = adjusted(description, "order", "0 1 2")
    assert [plane.tensor for plane in changed.groups[0].planes] == ["p1", "p2", "p10"]
    assert [plane.axes for plane in changed.groups[0].planes] == list(AXES)


def test_what_was_guessed_is_declared_after_a_change() -> None:
    asset = triplane()
    assert marked(asset)["box"] == marked(asset)["axes.0"] == marked(asset)["padding"] == "guessed"
    assert marked(asset)["density.scale"] == ""
    before = asset.provenance
    take(asset, "box", "0.5")
    assert before.guessed["box"] == "±1" and "box" not in before.declared
    assert "box" not in asset.provenance.guessed
    assert asset.provenance.declared["box"] == f"±0.5, {CHOSEN}"
    take(asset, "padding", "border")
    assert marked(asset)["padding"] == marked(asset)["box"] == "set"
    assert marked(asset)["interpolation"] == "guessed" and "sampling" in asset.provenance.guessed


def test_what_is_said_of_the_order_leaves_the_axes_guessed() -> None:
    asset = triplane()
    take(asset, "sign.x", "-")
    assert marked(asset)["sign.x"] == "set" and marked(asset)["axes.0"] == "guessed"
    assert "axes" in asset.provenance.guessed and "sign.x" in asset.provenance.declared


def test_a_quantity_takes_the_surface_along() -> None:
    changed = adjusted(field(), "density.quantity", "sdf")
    assert changed.output("sdf") is not None and changed.surface.field == "sdf"
    asset = triplane()
    take(asset, "density.quantity", "sdf")
    assert asset.provenance.declared["density.quantity"] == f"sdf, {CHOSEN}"


def test_bricks_stay_where_they_are_still_true() -> None:
    asset = triplane()
    index = np.zeros((1, 1, 1), np.int32)
    samples = np.zeros((1, 9, 9, 9, 4), np.float16)
    grid = BrickGrid(np.zeros((2, 3)), np.full(3, 8), index, samples, level=2, levels=3)
    asset.grid = grid
    for key, value in (("background", "0"), ("up", "z"), ("surface.level", 3.0)):
        take(asset, key, value)
        assert asset.grid is grid
    take(asset, "padding", "border")
    assert asset.grid.samples is samples and asset.preparation() is not None
    take(asset, "density.quantity", "sdf")
    assert asset.grid is None


def test_a_warp_goes_with_the_box() -> None:
    asset = triplane()
    asset.warp = object()
    take(asset, "up", "z")
    assert asset.warp is not None
    take(asset, "box", "0.5")
    assert asset.warp is None
