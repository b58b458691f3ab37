"""SSDNeRF, whose renderer needs a GPU: random codes and decoders against its published formula."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from assets.fields.decoder import Field

from .reference_sampling import bilinear, harmonics, sigmoid
from .triplane_files import opened, refused, saved

RANDOM = np.random.default_rng(8)
POINTS = RANDOM.uniform(-1.2, 1.2, (400, 3)).astype(np.float32)
VIEWS = RANDOM.normal(size=(400, 3))
VIEWS /= np.linalg.norm(VIEWS, axis=1, keepdims=True)

PAPER = {"base_net": (18, 64), "density_net": (64, 1), "dir_net": (16, 64), "color_net": (64, 3)}
DEEP = {"base_net": (18, 32, 64), "density_net": (64, 16, 1), "dir_net": (16, 24, 64), "color_net": (64, 32, 3)}
BESIDE = {"base_net": (18, 48), "density_net": (48, 1), "color_net": (48 + 16, 48, 3)}
BLIND = {"base_net": (18, 48), "density_net": (48, 1), "color_net": (48, 3)}


def scene() -> dict[str, np.ndarray]:
    """A scene file: `param.code_` before tanh, with the occupancy that is stored beside it."""
    code = np.random.default_rng(9).normal(0, 0.8, (3, 6, 24, 24)).astype(np.float16)
    return {"param.code_": code, "param.density_bitfield": np.zeros(64, np.uint8)}


def decoder(nets: dict[str, tuple[int, ...]], owner: str = "decoder_ema") -> dict[str, np.ndarray]:
    """Weights of nets of these widths, every second module of a Sequential."""
    random = np.random.default_rng(10)
    weights = {}
    for net, widths in nets.items():
        for number, (inputs, outputs) in enumerate(pairwise(widths)):
            shape = (outputs, inputs)
            weights[f"{owner}.{net}.{2 * number}.weight"] = random.normal(0, 0.4, shape).astype(np.float32)
            weights[f"{owner}.{net}.{2 * number}.bias"] = random.normal(0, 0.3, outputs).astype(np.float32)
    return weights


def silu(x: np.ndarray) -> np.ndarray:
    """x · sigmoid(x)."""
    return x * sigmoid(x)


def run_net(weights: dict, net: str, x: np.ndarray) -> np.ndarray:
    """Linear layers with SiLU between them."""
    names = sorted(name for name in weights if f".{net}." in name and name.endswith("weight"))
    for name in names:
        x = x @ weights[name].T.astype(np.float64) + weights[f"{name.removesuffix('weight')}bias"]
        x = x if name == names[-1] else silu(x)
    return x


def formula(code: np.ndarray, weights: dict, nets: dict) -> dict[str, np.ndarray]:
    """Density and colour at POINTS seen along VIEWS."""
    planes = 2 * np.tanh(code.astype(np.float64))
    x, y, z = POINTS.astype(np.float64).T
    read = [bilinear(*plane) for plane in zip(planes, (x, x, y), (y, z, z), strict=True)]
    features = np.stack(read, -1).reshape(len(POINTS), -1)
    base = run_net(weights, "base_net", features)
    color = silu(base)
    if "dir_net" in nets:
        color = silu(base + run_net(weights, "dir_net", harmonics(VIEWS)))
    elif nets["color_net"][0] > nets["base_net"][-1]:
        color = np.concatenate([color, harmonics(VIEWS)], 1)
    rgb = sigmoid(run_net(weights, "color_net", color)) * 1.002 - 0.001
    return {"density": np.exp(run_net(weights, "density_net", silu(base))), "rgb": rgb}


@pytest.mark.parametrize("nets", [PAPER, DEEP, BESIDE, BLIND], ids=["paper", "deep", "beside", "blind"])
def test_a_scene_and_a_checkpoint_match_the_formula(tmp_path: Path, nets: dict) -> None:
    tensors, weights = scene(), decoder(nets)
    # The checkpoint holds the model that is trained, too.
    others = {name.replace("decoder_ema", "decoder"): array + 1 for name, array in weights.items()}
    checkpoint = saved(weights | others, tmp_path / "model.pth")
    triplane = opened(saved(tensors, tmp_path / "scene.pth"), checkpoint)[0]
    assert triplane.provenance.family == "SSDNeRF" and triplane.description.needs_viewdirs == (nets is not BLIND)
    found = Field(triplane, "cpu").query(POINTS, VIEWS)
    for name, values in formula(tensors["param.code_"], weights, nets).items():
        assert np.abs(found[name] - values).max() < 1e-4 * np.abs(values).max(), name


def test_codes_that_are_planes_already_are_left_alone(tmp_path: Path) -> None:
    planes = np.random.default_rng(1).normal(size=(2, 3, 6, 16, 16)).astype(np.float32)
    path = saved({"code": planes, "density_bitfield": np.zeros(8, np.uint8)}, tmp_path / "codes.pt")
    both = opened(path, saved(decoder(PAPER, "decoder"), tmp_path / "model.pth"))
    assert [triplane.name for triplane in both] == ["codes 1", "codes 2"]
    assert (both[1].tensors["planes"] == planes[1]).all()


def test_a_base_that_all_scenes_share_is_added(tmp_path: Path) -> None:
    tensors, weights = scene(), decoder(PAPER)
    weights["decoder_ema.scene_base"] = np.full((3, 6, 24, 24), 0.5, np.float32)
    triplane = opened(saved(tensors, tmp_path / "scene.pth"), saved(weights, tmp_path / "model.pth"))[0]
    expected = 2 * np.tanh(tensors["param.code_"].astype(np.float32)) + 0.5
    np.testing.assert_allclose(triplane.tensors["planes"], expected, atol=1e-6)


def test_a_scene_alone_asks_for_its_decoder(tmp_path: Path) -> None:
    planes = saved(scene(), tmp_path / "scene.pth")
    alone = opened(planes)[0]
    assert not alone.has_decoder and alone.provenance.family == "SSDNeRF"
    unfit = saved(decoder(PAPER | {"base_net": (12, 64)}), tmp_path / "other.pth")
    assert "does not fit the planes of scene.pth" in refused(planes, unfit)
    assert "SSDNeRF" in refused(unfit)
