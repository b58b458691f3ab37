"""Field values against what TripoSR's own code gave (tests/data/triposr), and how fields are asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from assets.errors import BadInput
from assets.fields.decoder import CHUNK, Field
from assets.fields.description import Encoding, Input, Space
from assets.fields.sampling import map_to_box
from assets.formats import open_path
from assets.progress import Progress, run
from assets.triplane import Triplane
from tests.small_assets import triplane as small_triplane

DATA = Path(__file__).parent.parent / "data" / "triposr"


@pytest.fixture(scope="module")
def triposr() -> Triplane:
    return run(open_path(DATA / "asset.pt"))[0]


def worst(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference as a share of the largest expected magnitude."""
    return float(np.abs(found - expected.reshape(found.shape)).max() / np.abs(expected).max())


@pytest.mark.parametrize("name", ["density_raw", "density", "rgb_raw", "rgb"])
def test_triposr_values(triposr: Triplane, name: str) -> None:
    expected = np.load(DATA / "field.npz")
    assert worst(Field(triposr, "cpu").query(expected["points"])[name], expected[name]) < 1e-5


def test_points_outside_the_box_are_part_of_the_test() -> None:
    assert (np.abs(np.load(DATA / "field.npz")["points"]).max(1) > 0.87).sum() > 100


@pytest.mark.parametrize("change", ["axes", "align_corners", "padding", "combine"])
def test_the_comparison_notices_a_wrong_convention(triposr: Triplane, change: str) -> None:
    expected = np.load(DATA / "field.npz")
    group = triposr.description.groups[0]
    planes = (replace(group.planes[0], axes=("y", "x")), *group.planes[1:])
    wrong = {
        "axes": {"planes": planes},
        "align_corners": {"align_corners": True},
        "padding": {"padding": "border"},
        "combine": {"combine": "concat_channel_major"},
    }[change]
    description = replace(triposr.description, groups=(replace(group, **wrong),))
    field = Field(Triplane("wrong", triposr.tensors, description), "cpu")
    assert worst(field.query(expected["points"])["density_raw"], expected["density_raw"]) > 1e-3


def test_a_query_is_the_same_in_chunks(triposr: Triplane) -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (CHUNK + 1000, 3)).astype(np.float32)
    field = Field(triposr, "cpu")
    steps: list[Progress] = []
    whole = run(field.query_job(points), steps.append)
    assert len(steps) == 2 and steps[-1].fraction == 1.0
    tail = field.query(points[CHUNK:])
    for name, values in whole.items():
        np.testing.assert_allclose(values[CHUNK:], tail[name], rtol=1e-4, atol=1e-5)


def test_no_points_give_no_values(triposr: Triplane) -> None:
    found = Field(triposr, "cpu").query(np.empty((0, 3)))
    assert found["density"].shape == (0, 1) and found["rgb"].shape == (0, 3)


def test_threads_and_gradients_are_left_as_they_were(triposr: Triplane) -> None:
    before = torch.get_num_threads()
    Field(triposr, "cpu").query(np.zeros((4, 3)))
    assert torch.get_num_threads() == before and torch.is_grad_enabled()


@pytest.mark.parametrize(
    "points", [np.zeros(3), np.zeros((2, 2)), np.array([["a", "b", "c"]]), np.zeros((2, 3), complex)]
)
def test_points_of_another_shape_are_refused(points: np.ndarray) -> None:
    with pytest.raises(BadInput, match="points must be numbers"):
        Field(small_triplane(), "cpu").query(points)


def test_view_and_time_are_demanded_where_the_field_needs_them() -> None:
    plain = small_triplane()
    head = plain.description.heads[0]
    seen = replace(head, inputs=(*head.inputs, Input("viewdir"), Input("time")))
    tensors = dict(plain.tensors) | {"weight": np.zeros((4, 6), np.float32)}
    field = Field(Triplane("t", tensors, replace(plain.description, heads=(seen,))), "cpu")
    points = np.zeros((5, 3))
    with pytest.raises(BadInput, match="viewing direction"):
        field.query(points)
    with pytest.raises(BadInput, match="give a time"):
        field.query(points, points + 1)
    with pytest.raises(BadInput, match="5 points but 4 viewdirs"):
        field.query(points, np.ones((4, 3)), 0.5)
    assert field.query(points, points + 1, 0.5)["density"].shape == (5, 1)


def test_planes_without_decoder_cannot_be_asked() -> None:
    plain = small_triplane()
    with pytest.raises(BadInput, match="no decoder; open it with --decoder"):
        Field(Triplane("t", plain.tensors, replace(plain.description, heads=())))


def test_contraction_matches_its_formula() -> None:
    points = torch.tensor([[0.5, 0.0, 0.0], [0.0, 4.0, 0.0], [3.0, -4.0, 0.0]])
    round_ = map_to_box(points, Space((-1.0,) * 3, (1.0,) * 3, contraction="mip360_l2"))
    np.testing.assert_allclose(round_[0], [0.25, 0, 0], atol=1e-6)
    np.testing.assert_allclose(round_[1], [0, (2 - 1 / 4) / 2, 0], atol=1e-6)
    np.testing.assert_allclose(round_[2], np.array([0.6, -0.8, 0]) * (2 - 1 / 5) / 2, atol=1e-6)
    square = map_to_box(points, Space((-1.0,) * 3, (1.0,) * 3, contraction="mip360_linf"))
    np.testing.assert_allclose(square[2], np.array([0.75, -1, 0]) * (2 - 1 / 4) / 2, atol=1e-6)


@pytest.mark.parametrize(("outside", "expected"), [("padding", 0.0), ("zero", 0.0), ("clamp", 0.5)])
def test_points_outside_the_box_read_what_the_space_says(outside: str, expected: float) -> None:
    """A field that is its one plane of ones: half a texel within the edge, zeros beyond it."""
    plain = small_triplane()
    tensors = {"planes": np.ones((3, 2, 16, 16), np.float16), "weight": np.eye(4, 2, dtype=np.float32)}
    head = replace(plain.description.heads[0], layers=(replace(plain.description.heads[0].layers[0], bias=None),))
    group = replace(plain.description.groups[0], planes=plain.description.groups[0].planes[:1])
    space = replace(plain.description.space, outside=outside)
    description = replace(plain.description, space=space, groups=(group,), heads=(head,))
    found = Field(Triplane("t", tensors, description), "cpu").query(np.array([[5.0, 0.0, 0.0]]))["density_raw"]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_spherical_harmonics_of_the_view_are_an_input() -> None:
    plain = small_triplane()
    head = plain.description.heads[0]
    view = Input("viewdir", encoding=Encoding("spherical_harmonics", count=2))
    weight = np.zeros((4, 4), np.float32)
    weight[0, 2] = 1.0
    description = replace(plain.description, heads=(replace(head, inputs=(view,)),))
    field = Field(Triplane("t", dict(plain.tensors) | {"weight": weight, "bias": np.zeros(4, np.float32)}, description))
    found = field.query(np.zeros((1, 3)), np.array([[0.0, 0.0, 2.0]]))["density_raw"]
    np.testing.assert_allclose(found, 0.5 * np.sqrt(3 / np.pi), rtol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_agrees_with_the_processor(triposr: Triplane) -> None:
    expected = np.load(DATA / "field.npz")
    found = Field(triposr, "cuda").query(expected["points"])
    for name in ("density_raw", "density", "rgb"):
        assert worst(found[name], expected[name]) < 1e-3
