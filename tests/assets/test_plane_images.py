"""Planes as pictures against plain numpy, and texels against what the decoder reads there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from assets.fields.decoder import Field, map_to_box
from assets.fields.description import FieldDescription, Group, Head, Input, Layer, Output, Plane, Space
from assets.fields.plane_images import (
    KINDS,
    depth_at,
    from_planes,
    levels,
    pictures,
    planes_of,
    point_at,
    principal_components,
    texel_at,
    texels,
    to_planes,
)
from assets.fields.probe import bare, probe
from assets.progress import run
from assets.triplane import Triplane
from tests.small_assets import triplane

SPACE = Space((-1.0, -2.0, -0.5), (1.0, 0.0, 1.5), time=(0.0, 4.0))


def planes(count: int = 3, channels: int = 7, size: tuple[int, int] = (9, 6)) -> list[np.ndarray]:
    """Features with a few strong directions and a mean far from 0."""
    rng = np.random.default_rng(2)
    mixing = rng.normal(size=(channels, channels)) * np.geomspace(4, 0.05, channels)
    made = [mixing @ rng.normal(size=(channels, size[0] * size[1])) + 20 for _ in range(count)]
    return [entry.reshape(channels, *size).astype(np.float32) for entry in made]


def test_principal_components_are_those_of_the_svd() -> None:
    features = planes()
    mean, directions = run(principal_components(features))
    rows = np.concatenate([entry.reshape(7, -1) for entry in features], 1).T.astype(np.float64)
    _, _, reference = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    assert np.allclose(mean, rows.mean(0))
    assert np.allclose(np.abs(np.sum(directions * reference[:3].T, 0)), 1, atol=1e-8)
    assert (directions[np.abs(directions).argmax(0), range(3)] > 0).all()


@pytest.mark.parametrize("chunk", [1 << 18, 16])
def test_pictures(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same in one piece and in many."""
    monkeypatch.setattr("assets.fields.plane_images.CHUNK_NUMBERS", chunk)
    features = [*planes(), planes(1, size=(1, 11))[0].astype(np.float16)]
    stacked = np.concatenate([entry.reshape(7, -1) for entry in features], 1).astype(np.float32)

    def scaled(values: np.ndarray, low: float, high: float) -> np.ndarray:
        return np.rint(np.clip((values - low) / (high - low), 0, 1) * 255)

    low, high = np.percentile(stacked[4], (0.5, 99.5))
    for picture, entry in zip(run(pictures(features, "channel", 4)), features, strict=True):
        assert picture.dtype == np.uint8
        assert np.abs(picture - scaled(entry[4].astype(np.float32), low, high)).max() <= 1
    high = np.percentile(np.linalg.norm(stacked, axis=0), 99.5)
    for picture, entry in zip(run(pictures(features, "magnitude")), features, strict=True):
        assert np.abs(picture - scaled(np.linalg.norm(entry.astype(np.float32), axis=0), 0.0, high)).max() <= 1
    mean, directions = run(principal_components(features))
    projected = (stacked.T - mean) @ directions
    low, high = np.percentile(projected, (0.5, 99.5), axis=0)
    found = np.concatenate([picture.reshape(-1, 3) for picture in run(pictures(features, "pca"))])
    assert np.abs(found - scaled(projected, low, high)).max() <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_flat_planes_and_few_channels(kind: str) -> None:
    assert run(pictures([np.zeros((1, 2, 3), np.float16)], kind, 5))[0].shape[:2] == (2, 3)
    two = run(pictures([planes(1, 2)[0]], kind))[0]
    assert two.max() > two.min()


def test_slices_and_levels() -> None:
    rng = np.random.default_rng(1)
    tensors = {"v": rng.normal(size=(1, 4, 5, 6, 7)), "p": rng.normal(size=(3, 4, 6, 7))}
    volume = Plane("v", 0, ("x", "y", "z"))
    assert np.array_equal(texels(tensors, volume, 0.5), tensors["v"][0, :, 2])
    assert np.array_equal(texels(tensors, volume, 1.0), tensors["v"][0, :, 4])
    part = Plane("p", 2, ("x", "y"), channels=(1, 3), level=1)
    assert np.array_equal(texels(tensors, part), tensors["p"][2, 1:3])
    group = Group("g", (part, replace(part, level=0)))
    assert levels(group) == (0, 1) and planes_of(group, 1) == (part,)
    description = FieldDescription("t", SPACE, (group,))
    assert depth_at(description, volume, np.array([0.0, 0.0, 1.0])) == pytest.approx(0.75)


@pytest.mark.parametrize("contraction", [None, "mip360_l2", "mip360_linf"])
def test_the_way_into_the_planes_is_the_decoders(contraction: str | None) -> None:
    space = replace(SPACE, contraction=contraction)
    points = np.random.default_rng(6).uniform(-4, 4, (60, 3))
    expected = map_to_box(torch.from_numpy(points).float(), space).numpy()
    assert np.allclose(to_planes(space, points), expected, atol=1e-5)
    assert np.allclose(from_planes(space, to_planes(space, points)), points, atol=1e-6)


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("axes", [("x", "y"), ("-z", "x"), ("y", "-t"), ("-x",)])
def test_texels_are_those_that_the_decoder_reads(axes: tuple[str, ...], align: bool) -> None:
    """A plane whose texels hold their own place says at any point where it was read."""
    size = (5, 8) if len(axes) == 2 else (1, 8)
    rows, columns = np.meshgrid(*(np.arange(count, dtype=np.float32) for count in size), indexing="ij")
    plane = Plane("p", 0, axes)
    group = Group("g", (plane,), align_corners=align, padding="border")
    head = Head("as it is", (Input("group", "g"),), (Layer("one"),), (Output("features", (0, 2)),))
    description = FieldDescription("t", SPACE, (group,), (head,))
    tensors = {"p": np.stack([columns, rows])[None], "one": np.eye(2, dtype=np.float32)}
    field = Field(Triplane("t", tensors, description), "cpu")
    rng = np.random.default_rng(8)
    points, times = rng.uniform((-0.7, -1.7, -0.2), (0.7, -0.3, 1.2), (20, 3)), rng.uniform(0.6, 3.4, 20)
    found = field.query(points, time=times)["features"]
    for point, time, expected in zip(points, times, found, strict=True):
        texel = texel_at(description, group, plane, size, point, time)
        assert np.allclose(texel, expected, atol=1e-4)
        moved, when = point_at(description, group, plane, size, texel, point, time)
        assert np.allclose(moved, point) and when == pytest.approx(time)
        elsewhere = point_at(description, group, plane, size, (2.5, 1.5), point, time)
        again = texel_at(description, group, plane, size, *elsewhere)
        assert np.allclose(again, (2.5, 1.5 if len(axes) == 2 else 0.0))


def test_probe_asks_one_point() -> None:
    asset = triplane()
    point = np.array([0.1, -0.2, 0.05])
    found = run(probe(bare(asset), point, np.array([0.0, 0.0, -1.0]), 0.0))
    expected = Field(asset, "cpu").query(point[None])
    assert set(found) == set(expected)
    assert all(np.allclose(found[name], expected[name][0]) for name in found)
