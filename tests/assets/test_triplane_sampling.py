"""How planes are read, against formulas written out with numpy: volumes, mip levels, neighbours, dots, the outside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from assets.fields.bent import Bent
from assets.fields.decoder import Field
from assets.fields.description import FieldDescription, Group, Head, Input, Label, Layer, Output, Plane, Space
from assets.fields.description_check import check_description
from assets.fields.refit.start import resampled
from assets.fields.sampling import combine, runs
from assets.splats.spherical_harmonics import basis
from assets.triplane import Triplane

from .reference_sampling import between_levels, bilinear, harmonics

RANDOM = np.random.default_rng(4)
BOX = Space((-1.0, -2.0, -3.0), (1.0, 2.0, 3.0))
POINTS = RANDOM.uniform(-1.2, 1.2, (300, 3)) * (1, 2, 3)
MAPPED = POINTS / (1, 2, 3)


def features(group: Group, tensors: dict, space: Space = BOX, **given) -> np.ndarray:
    """What a head of no influence sees of `group` at POINTS."""
    first = group.planes[0]
    width = tensors[first.tensor].shape[1] if first.channels is None else first.channels[1] - first.channels[0]
    count = width * (len(group.planes) if group.combine.startswith("concat") else 1)
    identity = Layer("identity")
    head = Head("head", (Input("group", group.name),), (identity,), (Output("features", (0, count)),))
    description = FieldDescription("test", space, (group,), (head,))
    check_description(description)
    tensors = tensors | {"identity": np.eye(count, dtype=np.float32)}
    return Field(Triplane("t", tensors, description), "cpu").query(POINTS, **given)["features"]


def test_a_volume_is_read_along_three_axes() -> None:
    """A volume that is linear in its three axes says where it is asked, between the centres of its outer cells."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in (4, 5, 6)), indexing="ij")
    volume = np.stack([x, y, z])[None].astype(np.float32)
    planes = (Plane("volume", 0, ("y", "-z", "x")),)
    found = features(Group("g", planes, align_corners=True, padding="border"), {"volume": volume})
    expected = np.clip(np.stack([MAPPED[:, 1], -MAPPED[:, 2], MAPPED[:, 0]], 1), -1, 1)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_nearest_texel_or_cell_is_read() -> None:
    image, volume = RANDOM.normal(size=(1, 2, 5, 7)), RANDOM.normal(size=(1, 2, 4, 5, 7))
    column, row, slice_ = (
        np.clip(np.floor((MAPPED[:, axis] + 1) / 2 * n), 0, n - 1).astype(int) for axis, n in enumerate((7, 5, 4))
    )
    group = Group("g", (Plane("image", 0, ("x", "y")),), interpolation="nearest", padding="border")
    np.testing.assert_allclose(features(group, {"image": image}), image[0][:, row, column].T, atol=1e-6)
    group = Group("g", (Plane("volume", 0, ("x", "y", "z")),), interpolation="nearest", padding="border")
    np.testing.assert_allclose(features(group, {"volume": volume}), volume[0][:, slice_, row, column].T, atol=1e-6)


@pytest.mark.parametrize("radius", [None, 1e-6, 0.1, 0.15, 0.3, 1.0, 100.0])
def test_a_ball_reads_between_two_levels_of_means(radius: float | None) -> None:
    image = RANDOM.normal(size=(1, 3, 16, 16))
    group = Group("g", (Plane("image", 0, ("x", "z")),), interpolation="mip", padding="border", mip_levels=3)
    found = features(group, {"image": image}, radius=radius)
    level = np.full(len(POINTS), 0.0 if radius is None else np.log2(radius / 2 * 16))
    np.testing.assert_allclose(found, between_levels(image[0], MAPPED[:, 0], MAPPED[:, 2], level, 3), atol=1e-5)


def test_every_ball_has_its_own_level() -> None:
    image = RANDOM.normal(size=(1, 3, 16, 16))
    group = Group("g", (Plane("image", 0, ("x", "z")),), interpolation="mip", padding="border", mip_levels=4)
    radius = RANDOM.uniform(0.01, 2.0, len(POINTS))
    found = features(group, {"image": image}, radius=radius)
    for number in (0, 17, 101):
        alone = features(group, {"image": image}, radius=float(radius[number]))
        np.testing.assert_allclose(found[number], alone[number], atol=1e-5)


@pytest.mark.parametrize("combine_as", ["concat", "concat_channel_major", "sum", "mean", "product"])
def test_planes_of_one_tensor_and_of_several_combine_alike(combine_as: str) -> None:
    images = RANDOM.normal(size=(4, 2, 8, 8)).astype(np.float32)
    axes = (("x", "y"), ("x", "z"), ("-z", "y"))
    together = tuple(Plane("images", index + 1, pair, weight=index + 0.5) for index, pair in enumerate(axes))
    apart = tuple(replace(plane, tensor=f"image{plane.index}", index=0) for plane in together)
    tensors = {"images": images} | {f"image{index}": images[index : index + 1] for index in range(4)}
    found = [features(Group("g", planes, combine=combine_as), tensors) for planes in (together, apart)]
    np.testing.assert_array_equal(*found)
    each = np.stack([features(Group("g", (plane,)), tensors) for plane in together])
    expected = {
        "concat": each.transpose(1, 0, 2).reshape(len(POINTS), -1),
        "concat_channel_major": each.transpose(1, 2, 0).reshape(len(POINTS), -1),
        "sum": each.sum(0),
        "mean": each.mean(0),
        "product": each.prod(0),
    }
    np.testing.assert_allclose(found[0], expected[combine_as], atol=1e-6)


def test_runs_are_neighbours_in_one_tensor() -> None:
    planes = tuple(Plane(*made) for made in (("a", 0, ("x", "y")), ("a", 1, ("x", "z")), ("a", 3, ("y", "z"))))
    others = (replace(planes[2], index=4, channels=(0, 1)), Plane("b", 5, ("x", "y")), Plane("b", 6, ("x",)))
    pieces = list(runs(Group("g", planes + others)))
    assert [len(piece) for piece in pieces] == [2, 1, 1, 1, 1]
    assert tuple(plane for piece in pieces for plane in piece) == planes + others


def test_planes_of_different_widths_are_concatenated() -> None:
    found = combine("concat", [torch.ones(2, 3, 5), torch.zeros(1, 4, 5)])
    assert found.shape == (5, 10) and found[:, :6].all() and not found[:, 6:].any()


def test_a_dot_is_the_first_input_with_each_row_of_the_second() -> None:
    image = RANDOM.normal(size=(1, 6, 8, 8)).astype(np.float32)
    group = Group("g", (Plane("image", 0, ("x", "y")),), padding="border")
    place = Head("place", (Input("position"),), (Layer("identity"),))
    inputs = (Input("head", "place"), Input("group", "g"))
    dot = Head("dot", inputs, (), (Output("features", (0, 2)),), join="dot")
    description = FieldDescription("test", BOX, (group,), (place, dot))
    tensors = {"image": image, "identity": np.eye(3, dtype=np.float32)}
    found = Field(Triplane("t", tensors, description), "cpu").query(POINTS)["features"]
    rows = bilinear(image[0], MAPPED[:, 0], MAPPED[:, 1]).reshape(-1, 2, 3)
    np.testing.assert_allclose(found, np.einsum("nkc,nc->nk", rows, MAPPED), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "activation", "expected"),
    [("density", "exp", 0.0), ("density", "softplus", 0.0), ("occupancy_logit", "none", -100.0)],
)
def test_an_empty_outside_holds_nothing(name: str, activation: str, expected: float) -> None:
    """Strictly within the box is the field; on its border and beyond is nothing, colours stay what they are."""
    image = np.ones((1, 4, 8, 8), np.float32)
    group = Group("g", (Plane("image", 0, ("x", "y")),), padding="border")
    outputs = (Output(name, (0, 1), activation, bias=-1.0, scale=2.0), Output("rgb", (1, 4)))
    head = Head("head", (Input("group", "g"),), (Layer("identity"),), outputs)
    description = FieldDescription("test", replace(BOX, outside="empty"), (group,), (head,))
    field = Field(Triplane("t", {"image": image, "identity": np.eye(4, dtype=np.float32)}, description), "cpu")
    found = field.query(np.array([[0.999, 0, 0], [1.0, 0, 0], [0, -2.5, 0], [0, 0, 3.0]]))
    np.testing.assert_allclose(found[name][1:, 0], expected, atol=1e-4)
    assert found[name][0, 0] > expected + 1 or name != "density"
    np.testing.assert_allclose(found["rgb"], 1.0, atol=1e-6)


def test_spherical_harmonics_of_tensors_are_those_of_arrays() -> None:
    directions = RANDOM.normal(size=(50, 3)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    np.testing.assert_array_equal(basis(torch.from_numpy(directions), 3).numpy(), basis(directions, 3))
    np.testing.assert_allclose(basis(directions, 3), harmonics(directions.astype(np.float64)), atol=1e-6)


def test_a_bent_field_hands_on_the_radii_of_those_points_that_it_asks() -> None:
    class Volume:
        @staticmethod
        def sources(points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return points, points[:, 0] > 0

    def ask(points: torch.Tensor, viewdirs: None, time: None, radius: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"sdf": radius[:, None] + points[:, :1]}

    group = Group("g", (Plane("image", 0, ("x", "y")),), interpolation="mip")
    head = Head("head", (Input("group", "g"),), (Layer("w"),), (Output("sdf"),))
    bent = Bent(Volume(), FieldDescription("test", BOX, (group,), (head,)))
    points, radius = torch.tensor([[0.5, 0, 0], [-0.5, 0, 0], [0.25, 0, 0]]), torch.tensor([1.0, 2.0, 3.0])
    found = bent.raw(ask, points, None, None, radius)["sdf"][:, 0]
    np.testing.assert_allclose(found[[0, 2]], [1.5, 3.25])


def test_labels_outside_an_empty_outside_are_the_hidden_one() -> None:
    group = Group("g", (Plane("image", 0, ("x", "y")),), padding="border")
    labels = (Label("wall", (1, 0, 0)), Label("free", (0, 0, 0), hidden=True), Label("floor", (0, 1, 0)))
    head = Head("head", (Input("group", "g"),), (Layer("identity"),), (Output("label", (0, 3)),))
    space = replace(BOX, outside="empty")
    description = FieldDescription("test", space, (group,), (head,), labels=labels)
    image = np.zeros((1, 3, 8, 8), np.float32)
    image[:, 2] = 5.0
    field = Field(Triplane("t", {"image": image, "identity": np.eye(3, dtype=np.float32)}, description), "cpu")
    assert field.query(np.array([[0.0, 0, 0], [1.5, 0, 0]]))["label"][:, 0].tolist() == [2, 1]


def test_a_volume_in_a_larger_box_says_the_same() -> None:
    volume = RANDOM.normal(size=(1, 2, 6, 6, 6)).astype(np.float32)
    group = Group("g", (Plane("volume", 0, ("x", "-y", "z")),), align_corners=True, padding="border")
    head = Head("head", (Input("group", "g"),), (Layer("identity"),), (Output("features", (0, 2)),))
    description = FieldDescription("test", Space((-1.0,) * 3, (1.0,) * 3), (group,), (head,))
    triplane = Triplane("t", {"volume": volume, "identity": np.eye(2, dtype=np.float32)}, description)
    larger = Space((-1.5, -1.0, -2.0), (3.5, 1.0, 3.0))
    moved = resampled(Field(triplane, "cpu"), larger)["volume", 0].numpy()
    bigger = Triplane("b", dict(triplane.tensors) | {"volume": moved[None]}, replace(description, space=larger))
    places = np.linspace(0, 1, 6)
    points = np.stack(np.meshgrid(-1.5 + 5 * places, -1 + 2 * places, -2 + 5 * places), -1).reshape(-1, 3)
    found, expected = (Field(each, "cpu").query(points)["features"] for each in (bigger, triplane))
    np.testing.assert_allclose(found, expected, atol=1e-5)
