"""Planes and a coarse grid. Nothing of Hyper3D is public but its principle, so the formula that we take it for is
written again here, on small random files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from assets.fields.decoder import Field

from .triplane_files import opened, refused, saved

PLANES = torch.from_numpy(np.random.default_rng(3).normal(size=(1, 3, 4, 16, 16)).astype(np.float32))


def hybrid(channels: int, entered: int, out: int, before: str = "decoder.") -> dict[str, torch.Tensor]:
    """Planes of 4 channels, a grid of `channels`, and three layers of which the first reads `entered` numbers."""
    torch.manual_seed(entered)
    whole = {"planes": PLANES, "latent_grid": torch.randn(1, channels, 3, 4, 5)}
    for index, shape in ((0, (7, entered)), (2, (7, 7)), (4, (out, 7))):
        whole |= {f"{before}{index}.weight": torch.randn(shape), f"{before}{index}.bias": torch.randn(shape[0])}
    return whole


def looked_up(whole: dict[str, torch.Tensor], points: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Features (N,C) of the three planes, and those of the grid."""
    planes = [
        functional.grid_sample(plane[None], points[None, None][..., pair], align_corners=False)[0, :, 0].T
        for plane, pair in zip(PLANES[0], ([0, 1], [0, 2], [1, 2]), strict=True)
    ]
    grid = functional.grid_sample(whole["latent_grid"], points[None, None, None], align_corners=False)
    return planes, grid[0, :, 0, 0].T


def decoded(whole: dict[str, torch.Tensor], features: torch.Tensor, before: str = "decoder.") -> np.ndarray:
    for index in (0, 2, 4):
        features = features @ whole[f"{before}{index}.weight"].T + whole[f"{before}{index}.bias"]
        features = functional.relu(features) if index < 4 else features
    return features.numpy()


@pytest.mark.parametrize(
    ("channels", "entered", "join"),
    [
        (6, 18, lambda planes, grid: torch.cat([*planes, grid], 1)),
        (6, 10, lambda planes, grid: torch.cat([sum(planes), grid], 1)),
        (4, 4, lambda planes, grid: sum(planes) + grid),
    ],
)
def test_planes_and_grid_are_joined_as_the_first_layer_reads_them(tmp_path: Path, channels, entered, join) -> None:
    whole = hybrid(channels, entered, 1)
    triplane = opened(saved(whole, tmp_path / "whole.pt"))[0]
    assert triplane.provenance.family == "Hyper3D" and "combination" in triplane.provenance.guessed
    points = torch.rand(200, 3) * 2.2 - 1.1
    expected = decoded(whole, join(*looked_up(whole, points)))
    found = Field(triplane, "cpu").query(points.numpy())["occupancy_logit"]
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_a_distance_is_known_by_its_name_and_a_colour_by_its_width(tmp_path: Path) -> None:
    whole = hybrid(6, 18, 4, "sdf_decoder.net.")
    triplane = opened(saved(whole, tmp_path / "whole.pt"))[0]
    found = Field(triplane, "cpu").query(np.zeros((1, 3), np.float32))
    planes, grid = looked_up(whole, torch.zeros(1, 3))
    expected = decoded(whole, torch.cat([*planes, grid], 1), "sdf_decoder.net.")
    np.testing.assert_allclose(found["sdf"], expected[:, :1], rtol=1e-4)
    np.testing.assert_allclose(found["rgb"], 1 / (1 + np.exp(-expected[:, 1:])), atol=1e-5)
    assert triplane.description.surface.matter == "below"


def test_the_decoder_may_lie_apart(tmp_path: Path) -> None:
    whole = hybrid(6, 18, 1)
    planes = saved({name: whole.pop(name) for name in ("planes", "latent_grid")}, tmp_path / "planes.pt")
    alone = opened(planes)[0]
    assert alone.provenance.family == "Hyper3D" and not alone.has_decoder
    assert opened(planes, saved(whole, tmp_path / "decoder.pt"))[0].has_decoder
    other = saved(hybrid(6, 19, 1), tmp_path / "other.pt")
    assert "for the planes of planes.pt" in refused(planes, other)
