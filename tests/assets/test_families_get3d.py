"""GET3D-type nets. There is no oracle of their own code (it needs CUDA): the published formula is written again here,
point by point with its modulation, on small random files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from assets.fields.decoder import Field
from assets.fields.showing import shown

from .triplane_files import opened, refused, saved

C, LATENT, HIDDEN, FEATURES = 4, 10, 6, 5
NETWORKS = {"sdf": 1, "def": 3, "tex": FEATURES}
BEFORE = "G_ema.synthesis.generator.mlp_synthesis_"


def state() -> dict[str, torch.Tensor]:
    """Random weights of the three networks and of the last layer, under the published names."""
    torch.manual_seed(1)
    found = {}
    for network, out in NETWORKS.items():
        for index, (rows, columns) in enumerate(((HIDDEN, C), (HIDDEN, HIDDEN), (HIDDEN, HIDDEN), (out, HIDDEN))):
            found |= modulated(f"{BEFORE}{network}.layers.{index}.", (rows, columns))
    found |= modulated("G_ema.synthesis.to_rgb.", (3, FEATURES, 1, 1))
    worse = {name.replace("G_ema.", "G."): torch.zeros_like(array) for name, array in found.items()}
    return worse | found | {"G_ema.mapping.w_avg": torch.zeros(LATENT)}


def modulated(before: str, shape: tuple[int, ...]) -> dict[str, torch.Tensor]:
    return {
        f"{before}weight": torch.randn(shape),
        f"{before}bias": torch.randn(shape[0]),
        f"{before}affine.weight": torch.randn(shape[1], LATENT),
        f"{before}affine.bias": torch.ones(shape[1]),
    }


def assets(count: int) -> dict[str, torch.Tensor]:
    """Planes and latents of `count` assets: 7 rows of the latent, of which the networks read the last four."""
    torch.manual_seed(2)
    planes = {name: torch.randn(count, 3 * C, 12, 12) for name in ("sdf_feature", "tex_feature")}
    return planes | {name: torch.randn(count, 7, LATENT) for name in ("ws_geo", "ws_tex")}


def style(weights: dict[str, torch.Tensor], before: str, latent: torch.Tensor) -> torch.Tensor:
    return weights[f"{before}affine.weight"] @ latent / math.sqrt(LATENT) + weights[f"{before}affine.bias"]


def network(weights: dict[str, torch.Tensor], name: str, x: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
    """A modulated network on features (N,C)."""
    for index in range(4):
        before = f"{BEFORE}{name}.layers.{index}."
        weight = weights[f"{before}weight"] * style(weights, before, latents[index])
        x = x @ (weight / (weight.square().sum(1, keepdim=True) + 1e-8).sqrt()).T + weights[f"{before}bias"]
        x = functional.leaky_relu(x, 0.2) * math.sqrt(2) if index < 3 else x
    return x


def published(files: dict[str, torch.Tensor], number: int, points: np.ndarray, side: float) -> dict[str, np.ndarray]:
    """The values at `points` as GET3D computes them."""
    weights = state()
    place = (torch.from_numpy(points) / side + 0.5).clamp(0, 1) * 2 - 1
    features = {}
    for name in ("sdf_feature", "tex_feature"):
        planes = files[name][number].reshape(3, 1, C, 12, 12)
        features[name] = sum(
            functional.grid_sample(plane, place[None, None][..., pair], align_corners=False)[0, :, 0].T
            for plane, pair in zip(planes, ([0, 1], [1, 2], [0, 2]), strict=True)
        )
    geometry, texture = files["ws_geo"][number][-4:], files["ws_tex"][number][-4:]
    colour = network(weights, "tex", features["tex_feature"], texture)
    scale = style(weights, "G_ema.synthesis.to_rgb.", texture[-1]) / math.sqrt(FEATURES)
    colour = colour * scale @ weights["G_ema.synthesis.to_rgb.weight"][:, :, 0, 0].T
    colour = (colour + weights["G_ema.synthesis.to_rgb.bias"]).clamp(-256, 256)
    moved = network(weights, "def", features["sdf_feature"], geometry)
    return {
        "sdf": network(weights, "sdf", features["sdf_feature"], geometry).numpy(),
        "deformation": (moved.tanh() / 180).numpy(),
        "rgb": (colour / 2 + 0.5).clamp(0, 1).numpy(),
    }


@pytest.mark.parametrize("count", [1, 3])
def test_values_are_those_of_the_modulated_networks(tmp_path: Path, count: int) -> None:
    files = assets(count)
    torch.save(files, tmp_path / "planes.pt")
    torch.save(state(), tmp_path / "get3d.pt")
    triplanes = opened(tmp_path / "planes.pt", tmp_path / "get3d.pt")
    points = np.random.default_rng(0).uniform(-0.7, 0.7, (300, 3)).astype(np.float32)
    assert len(triplanes) == count
    for number, triplane in enumerate(triplanes):
        found = Field(triplane, "cpu").query(points)
        for name, expected in published(files, number, points, 1.0).items():
            np.testing.assert_allclose(found[name], expected, atol=1e-5 * np.abs(expected).max())
    assert shown(triplanes[0].description).kind == "surface"
    assert not any("affine" in name for name in triplanes[0].tensors)


def test_one_file_may_hold_all_and_the_size_of_the_box(tmp_path: Path) -> None:
    files = assets(1)
    both = torch.cat([files.pop("sdf_feature"), files.pop("tex_feature")], 1)
    whole = files | state() | {"plane_feat": both, "dmtet_scale": torch.tensor(0.8)}
    torch.save(whole, tmp_path / "whole.pt")
    triplane = opened(tmp_path / "whole.pt")[0]
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (50, 3)).astype(np.float32)
    expected = published(
        files | dict(zip(("sdf_feature", "tex_feature"), both.chunk(2, 1), strict=True)), 0, points, 0.8
    )
    np.testing.assert_allclose(Field(triplane, "cpu").query(points)["sdf"], expected["sdf"], atol=1e-5)
    assert triplane.description.space.high == pytest.approx((0.4, 0.4, 0.4))


def test_without_its_latent_a_decoder_is_of_no_use(tmp_path: Path) -> None:
    files = assets(1)
    torch.save({name: files[name] for name in ("sdf_feature", "tex_feature")}, tmp_path / "planes.pt")
    torch.save(state(), tmp_path / "get3d.pt")
    assert "save ws_geo (N, layers, 512) beside the planes" in refused(tmp_path / "planes.pt", tmp_path / "get3d.pt")
    alone = opened(tmp_path / "planes.pt")[0]
    assert alone.provenance.family == "GET3D" and not alone.has_decoder
    assert "holds a GET3D decoder but no planes" in refused(tmp_path / "get3d.pt")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"ws_geo": torch.zeros(1, 7, 3)}, "The latent has 3 numbers"),
        ({"ws_geo": torch.zeros(1, 3, LATENT)}, "The latent has 3 rows"),
        ({"ws_geo": torch.zeros(2, 7, LATENT)}, "expected (1, layers, width)"),
        ({"sdf_feature": torch.zeros(1, 3 * C + 3, 12, 12)}, "The decoder reads 4 channels"),
        ({"sdf_feature": torch.zeros(1, 3 * C + 1, 12, 12)}, "planes have 3 × 4 channels"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path: Path, changes: dict, named: str) -> None:
    planes = saved(assets(1) | changes, tmp_path / "planes.pt")
    torch.save(state(), tmp_path / "get3d.pt")
    assert named in refused(planes, tmp_path / "get3d.pt")
