"""The schema: what it writes it reads, and what is wrong is refused by name."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from assets.errors import BadInput
from assets.families.triposr import describe_field
from assets.fields.description import FieldDescription, Group, Head, Input, Output, Plane
from assets.fields.description_check import check_description, check_tensors
from assets.files.strict_json import from_json, to_json
from tests.small_assets import triplane as small_triplane

WHOLE = to_json(describe_field(["w0", "w1"], {"w0"}))


def changed(change: Callable[[dict], Any]) -> dict:
    """WHOLE after a change in place."""
    value = copy.deepcopy(WHOLE)
    change(value)
    return value


def put(path: str, value: Any) -> Callable[[dict], None]:
    """Sets or adds what lies at a dotted path."""

    def change(target: Any) -> None:
        *way, last = (int(key) if key.isdigit() else key for key in path.split("."))
        for key in way:
            target = target[key]
        target[last] = value

    return change


def test_a_description_comes_back_from_json() -> None:
    description = small_triplane().description
    assert from_json(FieldDescription, json.loads(json.dumps(to_json(description)))) == description
    assert from_json(FieldDescription, WHOLE) == describe_field(["w0", "w1"], {"w0"})


def test_defaults_may_be_left_out_and_whole_numbers_are_numbers() -> None:
    short = {
        "family": "x",
        "space": {"low": [-1, -1, -1], "high": [1, 1, 1]},
        "groups": [{"name": "g", "planes": [{"tensor": "p", "index": 0, "axes": ["x", "-t"]}]}],
    }
    description = from_json(FieldDescription, short)
    assert description.space.low == (-1.0, -1.0, -1.0) and description.march.samples == 128
    assert description.needs_time and not description.needs_viewdirs


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("colour", 1, "colour: is not a field"),
        ("groups.0.planes.1.axis", ["x", "y"], "groups[0].planes[1].axis: is not a field"),
        ("groups.0.planes.1.axes", ["x", "q"], "groups[0].planes[1].axes[1]: is one of x, y, z"),
        ("groups.0.planes.1.axes", "xy", "groups[0].planes[1].axes: expected a list, found 'xy'"),
        ("groups.0.planes.1.index", 1.0, "groups[0].planes[1].index: expected a whole number, found 1.0"),
        ("groups.0.planes.1.index", True, "groups[0].planes[1].index: expected a whole number, found True"),
        ("groups.0.planes.1.weight", "1", "groups[0].planes[1].weight: expected a number, found '1'"),
        ("groups.0.planes.1.weight", float("nan"), "groups[0].planes[1].weight: is not a finite number"),
        ("groups.0.planes.1.weight", 10**400, "groups[0].planes[1].weight: is not a finite number"),
        ("groups.0.planes.1", 3, "groups[0].planes[1]: expected an object with fields, found 3"),
        ("groups.0.align_corners", 0, "groups[0].align_corners: expected true or false, found 0"),
        ("groups.0.combine", "cat", "groups[0].combine: is one of concat, "),
        ("space.low", [0, 0], "space.low: expected 3 entries, found 2"),
        ("space.contraction", "mip", "space.contraction: is one of mip360_l2, mip360_linf, not 'mip'"),
        ("heads.0.outputs.0.channels", None, "heads[0].outputs[0].channels: expected a list, found null"),
        ("heads.0.layers.1.activation", "swish", "heads[0].layers[1].activation: is one of none, relu"),
        ("march.step", "log", "march.step: is one of normalised, world"),
        ("family", None, "family: expected a string, found null"),
    ],
)
def test_a_wrong_field_is_named(path: str, value: Any, named: str) -> None:
    with pytest.raises(BadInput) as caught:
        from_json(FieldDescription, changed(put(path, value)))
    assert str(caught.value).startswith(named) and str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("path", "named"),
    [("family", "family: is missing"), ("space.high", "space.high: is missing"), ("groups", "groups: is missing")],
)
def test_a_missing_field_is_named(path: str, named: str) -> None:
    *way, last = path.split(".")

    def remove(value: dict) -> None:
        for key in way:
            value = value[key]
        del value[last]

    with pytest.raises(BadInput, match=named):
        from_json(FieldDescription, changed(remove))


def test_the_description_itself_must_be_an_object() -> None:
    with pytest.raises(BadInput, match="expected an object"):
        from_json(FieldDescription, [])


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("space.high", [0.87, -0.87, 0.87], "space.high: must lie above space.low along y"),
        ("space.time", [1, 1], "space.time"),
        ("groups", [], "groups: is empty"),
        ("groups.0.planes", [], "groups[0].planes: is empty"),
        ("groups.0.name", "", "groups: need different names"),
        ("groups.0.planes.2.axes", ["x", "-x"], "groups[0].planes[2].axes: names the same axis twice"),
        ("groups.0.planes.2.axes", [], "groups[0].planes[2].axes: has one axis (a line), two"),
        ("groups.0.planes.2.index", -1, "groups[0].planes[2].index: is negative"),
        ("groups.0.planes.2.channels", [3, 3], "groups[0].planes[2].channels: is a first channel and a later end"),
        ("heads.0.inputs", [], "heads[0].inputs: is empty"),
        ("heads.0.inputs.0.name", "other", "heads[0].inputs[0].name: there is no such group before it: 'other'"),
        ("heads.0.inputs.0", {"source": "head", "name": "decoder"}, "heads[0].inputs[0].name: there is no such head"),
        ("heads.0.inputs.0", {"source": "viewdir", "name": "planes"}, "heads[0].inputs[0].name: has no meaning"),
        ("heads.0.layers", [], "heads[0].layers: is empty"),
        ("heads.0.outputs", [], "heads: none of them has outputs"),
        ("heads.0.outputs.1.channels", [1, 3], "heads[0].outputs[1].channels: rgb has 3 channels, not 2"),
        ("heads.0.outputs.0.name", "rgb", "heads[0].outputs[0].channels: rgb has 3 channels, not 1"),
        ("heads.0.outputs.0.blob", {"gain": 1, "radius": 0}, "heads[0].outputs[0].blob.radius: is not positive"),
        ("march.samples", 0, "march.samples: lies between"),
        ("march.samples", 4097, "march.samples: lies between"),
        ("march.fine", 5000, "march.fine: lies between"),
        ("march.fine", -1, "march.fine: lies between"),
        ("march", {"samples": 1, "placement": "edges"}, "march.samples: is 1, which has no second sample"),
        ("march", {"samples": 1, "between": "segment"}, "march.samples: is 1, which has no second sample"),
        ("march.near", -1, "march.near: is negative"),
        ("march", {"limits": "range", "near": 2, "far": 2}, "march.far: must lie behind march.near"),
        ("march", {"limits": "around", "near": 2, "far": -2}, "march.far: must lie behind march.near"),
        ("march.counted", "fine", "march.counted: is 'fine', but march.fine is 0"),
        ("march.step_scale", 0, "march.step_scale: is not positive"),
        ("march.last_step", -1, "march.last_step: is negative"),
        ("march.alpha_floor", 1, "march.alpha_floor: lies between"),
        ("march.weight_floor", -0.1, "march.weight_floor: lies between"),
        ("march.box_shrink", 1, "march.box_shrink: lies between"),
        ("march.min_chord", -1, "march.min_chord: is negative"),
        ("march.background", [0, 0, 2], "march.background: lies between"),
        ("labels", [{"name": "car", "color": [1, 0, 0]}], "labels: no head has an output 'label'"),
        ("heads.0.outputs.0.name", "label", "labels: has 0 entries, the output 'label' has 1 channels"),
        ("groups.0.mip_levels", 0, "groups[0].mip_levels: lies between"),
        ("groups.0.planes.0.level", -1, "groups[0].planes[0].level: is negative"),
        ("groups.0.planes.2.axes", ["x", "y", "z", "t"], "groups[0].planes[2].axes: has one axis (a line), two"),
        (
            "groups.0",
            {
                "name": "planes",
                "interpolation": "bicubic",
                "planes": [{"tensor": "v", "index": 0, "axes": ["x", "y", "z"]}],
            },
            "groups[0].interpolation: 'bicubic' needs two axes",
        ),
        ("heads.0.join", "dot", "heads[0].inputs: a dot joins two, not 1"),
        ("surface.resolution", 10**9, "surface.resolution: lies between"),
    ],
)
def test_contradictions_are_named(path: str, value: Any, named: str) -> None:
    description = from_json(FieldDescription, changed(put(path, value)))
    with pytest.raises(BadInput) as caught:
        check_description(description)
    assert str(caught.value).startswith(named)


SHAPES = {"scene_codes": (3, 8, 16, 16), "w0": (32, 24), "w1": (4, 32)} | {
    name: (32,) for name in (layer.bias for layer in describe_field(["w0", "w1"], {"w0bias"}).heads[0].layers) if name
}


def test_fitting_tensors_pass() -> None:
    check_description(describe_field(["w0", "w1"], {"w0bias"}))
    check_tensors(describe_field(["w0", "w1"], {"w0bias"}), SHAPES)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"scene_codes": None}, "groups[0].planes[0].tensor: there is no tensor 'scene_codes'"),
        ({"scene_codes": (8, 16, 16)}, "groups[0].planes[0].tensor: scene_codes has the shape [8, 16, 16]"),
        ({"scene_codes": (2, 8, 16, 16)}, "groups[0].planes[2].index: is 2, scene_codes has 2 planes"),
        ({"scene_codes": (3, 0, 16, 16)}, "groups[0].planes[0].tensor"),
        ({"w0": (32, 23)}, "heads[0].layers[0].weight: w0 has the shape [32, 23], expected (out, 24)"),
        ({"w0": (32,)}, "heads[0].layers[0].weight"),
        ({"w0bias": (31,)}, "heads[0].layers[0].bias: w0bias has the shape [31], expected (32)"),
        ({"w1": (3, 32)}, "heads[0].outputs[1].channels: ends at 4, there are 3"),
        ({"w1": None}, "heads[0].layers[1].weight: there is no tensor 'w1'"),
    ],
)
def test_tensors_that_do_not_fit_are_named(changes: dict, named: str) -> None:
    shapes = {name: shape for name, shape in (SHAPES | changes).items() if shape is not None}
    with pytest.raises(BadInput) as caught:
        check_tensors(describe_field(["w0", "w1"], {"w0bias"}), shapes)
    assert str(caught.value).startswith(named)


def test_planes_that_are_not_concatenated_need_the_same_channels() -> None:
    description = small_triplane().description
    group = description.groups[0]
    narrow = replace(group.planes[0], channels=(0, 1))
    uneven = replace(description, groups=(replace(group, planes=(narrow, *group.planes[1:])),))
    shapes = {name: array.shape for name, array in small_triplane().tensors.items()}
    with pytest.raises(BadInput, match="different channel counts"):
        check_tensors(uneven, shapes)


@pytest.mark.parametrize(
    ("group", "shape", "named"),
    [
        ({"planes": (Plane("p", 0, ("x", "y", "z")),)}, (1, 2, 8, 8), "volumes have (planes, channels, slices, rows"),
        ({"planes": (Plane("p", 0, ("x", "y")),)}, (1, 2, 4, 8, 8), "planes have (planes, channels, rows, columns)"),
        (
            {"planes": (Plane("p", 0, ("x", "y")),), "interpolation": "mip", "mip_levels": 3},
            (1, 2, 8, 6),
            "groups[0].mip_levels: p with 6 × 8 texels cannot be halved 2 times",
        ),
    ],
)
def test_shapes_that_an_interpolation_or_a_volume_cannot_have_are_named(
    group: dict, shape: tuple[int, ...], named: str
) -> None:
    description = replace(small_triplane().description, groups=(Group("planes", **group),), heads=())
    with pytest.raises(BadInput) as caught:
        check_tensors(description, {"p": shape})
    assert named in str(caught.value)


def test_a_dot_needs_a_multiple() -> None:
    """The first input's three numbers against rows of three."""
    group = Group("planes", (Plane("p", 0, ("x", "y")),))
    head = Head("dot", (Input("position"), Input("group", "planes")), (), (Output("density", (0, 1)),), join="dot")
    description = replace(small_triplane().description, groups=(group,), heads=(head,))
    check_description(description)
    check_tensors(description, {"p": (1, 6, 4, 4)})
    with pytest.raises(
        BadInput, match=r"heads\[0\].inputs: the second is 4 wide, which is no multiple of the first, 3"
    ):
        check_tensors(description, {"p": (1, 4, 4, 4)})
