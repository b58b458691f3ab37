"""GTR by its published formula, and other followers of LRM by their layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assets.families import recognise

from . import lrm_files as files
from .lrm_files import POINTS, bilinear, values
from .triplane_files import opened, saved


def gelu(x: np.ndarray) -> np.ndarray:
    """x Φ(x) (Hendrycks and Gimpel 2016)."""
    from scipy.special import erf

    return x * (1 + erf(x / np.sqrt(2))) / 2


def run(tensors: dict[str, np.ndarray], names: list[str], x: np.ndarray) -> np.ndarray:
    """Linear layers with GELU between them."""
    for name in names:
        x = x @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]
        x = x if name == names[-1] else gelu(x)
    return x


def test_gtr_follows_its_published_formula(tmp_path: Path) -> None:
    planes, decoder = files.planes(4), files.gtr()
    features = [
        bilinear(planes[0, k], POINTS[:, a], POINTS[:, b], "border")
        for k, (a, b) in enumerate(((0, 1), (0, 2), (1, 2)))
    ]
    entered = np.stack(features, 2).reshape(len(POINTS), -1)
    before = "pipeline.field.decoder.field."
    sigma = run(decoder, [f"{before}mlp_sigma.layers.{index}" for index in range(3)], entered)
    color = run(decoder, [f"{before}mlp_color.layers.{index}" for index in range(4)], entered)
    found = values(opened(saved({"planes": planes} | decoder, tmp_path / "gtr.pt"))[0])
    np.testing.assert_allclose(found["density"], np.logaddexp(0, sigma), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["rgb"], 1.002 / (1 + np.exp(-color)) - 0.001, rtol=1e-4, atol=1e-5)


def test_gtr_before_refinement_has_one_net(tmp_path: Path) -> None:
    net = files.mlp("field.decoder.field.layers.", [12, 16, 16, 4], step=1)
    triplane = opened(saved({"planes": files.planes(4)} | net, tmp_path / "gtr.pt"))[0]
    assert triplane.provenance.family == "GTR" and len(triplane.description.heads) == 1


@pytest.mark.parametrize("depth", [2, 6, 10])
def test_other_lrm_fields_are_read_from_their_layers(depth: int, tmp_path: Path) -> None:
    net = files.mlp("model.nerf_mlp.", [12, *[24] * (depth - 1), 4])
    triplane = opened(saved({"planes": files.planes(4)} | net, tmp_path / "dmv3d.pt"))[0]
    assert triplane.provenance.family == "LRM"
    assert triplane.provenance.declared["decoder"] == f"{depth} layers, 24 wide"
    assert set(values(triplane)) == {"density_raw", "density", "rgb_raw", "rgb"}


def test_other_lrm_fields_may_have_two_nets(tmp_path: Path) -> None:
    nets = files.mlp("mlp_density.", [12, 16, 1]) | files.mlp("mlp_rgb.", [12, 16, 16, 3])
    triplane = opened(saved({"planes": files.planes(4)} | nets, tmp_path / "two.pt"))[0]
    assert triplane.provenance.family == "LRM"
    assert [head.name for head in triplane.description.heads] == ["density", "color"]


def test_layers_that_fit_no_planes_are_nobodys() -> None:
    shapes = {"planes": (1, 3, 4, 8, 8), "net.0.weight": (16, 13), "net.2.weight": (4, 16)}
    found = recognise(shapes)
    assert found is None or not found.known
