"""Tri-MipRF, K-Planes and 6Img-to-3D, whose own code needs a GPU: random files against their published formulas."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from assets.errors import BadInput
from assets.families import recognise
from assets.families._tcnn import network_size, unpacked
from assets.fields.decoder import Field
from assets.triplane import Triplane

from .reference_sampling import between_levels, bilinear, harmonics, network, parameters, sigmoid
from .triplane_files import opened, refused, saved

POINTS = np.random.default_rng(1).uniform(-1.9, 1.9, (400, 3)).astype(np.float32)
VIEWS = np.random.default_rng(2).normal(size=(400, 3))
VIEWS /= np.linalg.norm(VIEWS, axis=1, keepdims=True)


def close(triplane: Triplane, expected: dict[str, np.ndarray], **given) -> None:
    """Asserts that a query finds what is expected, but for a share of 10⁻⁴ of the largest magnitude."""
    found = Field(triplane, "cpu").query(POINTS, VIEWS, **given)
    for name, values in expected.items():
        assert found[name].shape == values.shape
        assert np.abs(found[name] - values).max() < 1e-4 * np.abs(values).max(), name


@pytest.mark.parametrize(("inputs", "outputs", "width", "hidden"), [(48, 16, 128, 2), (31, 3, 64, 2), (3, 96, 128, 1)])
def test_a_flat_network_is_unpacked(inputs: int, outputs: int, width: int, hidden: int) -> None:
    random = np.random.default_rng(0)
    params = parameters(random, inputs, outputs, width, hidden)
    size = network_size(params.size, inputs, outputs, (width,))
    layers, tensors = unpacked("net", params, inputs, outputs, size)
    x = random.normal(size=(50, inputs))
    expected = network(params, x, outputs, width, hidden)
    for layer in layers:
        bias = 0 if layer.bias is None else tensors[layer.bias]
        x = x @ tensors[layer.weight].T.astype(np.float64) + bias
        x = np.maximum(x, 0) if layer.activation == "relu" else x
    np.testing.assert_allclose(x, expected, atol=1e-5)
    assert len(layers) == hidden + 1 and (layers[0].bias is None) == (inputs % 16 == 0)


def test_a_network_without_hidden_layers_and_early_padding() -> None:
    assert network_size(16 * 128, 128, 1, ()) is not None
    early = network_size(8 * 128, 128, 1, ())
    assert early is not None and early.outputs == 8
    assert network_size(8 * 128, 128, 1) is None and network_size(12345, 48, 16) is None
    with pytest.raises(BadInput, match="net: 7 parameters are no network from 48 inputs to 16 outputs"):
        unpacked("net", np.zeros(7, np.float32), 48, 16)


def trimiprf_tensors() -> dict[str, np.ndarray]:
    """A small Tri-MipRF: planes of 32 texels instead of 512."""
    random = np.random.default_rng(3)
    return {
        "model.aabb": np.array([-1.5] * 3 + [1.5] * 3, np.float32),
        "model.field.encoding.fm": random.normal(0, 0.5, (3, 32, 32, 16)).astype(np.float32),
        "model.field.mlp_base.params": parameters(random, 48, 16, 128, 2),
        "model.field.mlp_head.params": parameters(random, 31, 3, 128, 4),
        "model.occ_level_vol": np.float32(-7.0),
    }


@pytest.mark.parametrize("cone", [False, True])
def test_trimiprf_matches_its_formula(tmp_path: Path, cone: bool) -> None:
    """Texture reads with texel centres at (i + ½) / N, clamped, at the level log2(radius / half box) + log2(N)."""
    tensors = trimiprf_tensors()
    triplane = opened(saved(tensors, tmp_path / "model.ckpt"))[0]
    assert triplane.provenance.family == "Tri-MipRF" and triplane.provenance.declared["box"] == "±1.5"
    radius = np.random.default_rng(4).uniform(0.01, 0.8, len(POINTS)) if cone else None
    level = np.log2(radius / 1.5) + np.log2(32) if cone else np.zeros(len(POINTS))
    x, y, z = (POINTS / 1.5).astype(np.float64).T
    planes = tensors["model.field.encoding.fm"].transpose(0, 3, 1, 2)
    read = [between_levels(*plane, level, 6) for plane in zip(planes, (y, x, x), (z, z, y), strict=True)]
    base = network(tensors["model.field.mlp_base.params"], np.concatenate(read, 1), 16, 128, 2)
    seen = np.concatenate([harmonics(VIEWS), base[:, 1:]], 1)
    inside = (np.abs(POINTS / 1.5) < 1).all(1)
    expected = {
        "density": np.exp(base[:, :1] - 1) * inside[:, None],
        "rgb": sigmoid(network(tensors["model.field.mlp_head.params"], seen, 3, 128, 4)),
    }
    assert 50 < inside.sum() < 350
    close(triplane, expected, radius=radius)


def test_trimiprf_without_networks_shows_its_planes(tmp_path: Path) -> None:
    tensors = {name: array for name, array in trimiprf_tensors().items() if "mlp" not in name}
    triplane = opened(saved(tensors, tmp_path / "planes.pt"))[0]
    assert not triplane.has_decoder and triplane.provenance.family == "Tri-MipRF"
    assert triplane.description.groups[0].mip_levels == 6


def kplanes_grids(
    random: np.random.Generator, axes: int, channels: int, scales: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """Planes of a K-Planes field, those with time near 1."""
    grids = {}
    for scale, factor in enumerate(scales):
        sizes = [6 * factor, 7 * factor, 8 * factor, 5][:axes]
        for number, (a, b) in enumerate(combinations(range(axes), 2)):
            shape = (1, channels, sizes[b], sizes[a])
            values = random.normal(1, 0.3, shape) if b == 3 else random.normal(0.4, 0.5, shape)
            grids[f"model.field.grids.{scale}.{number}"] = values.astype(np.float32)
    return grids


def kplanes_features(tensors: dict, places: np.ndarray, scales: int) -> list[np.ndarray]:
    """The product of the planes of each scale at `places` (N,3 or 4), −1 … 1."""
    pairs = list(combinations(range(places.shape[1]), 2))
    return [
        np.prod(
            [
                bilinear(tensors[f"model.field.grids.{scale}.{number}"][0], places[:, a], places[:, b], True)
                for number, (a, b) in enumerate(pairs)
            ],
            axis=0,
        )
        for scale in range(scales)
    ]


def test_hybrid_kplanes_in_space_and_time_match_their_formula(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    tensors = kplanes_grids(random, 4, 16, (1, 2)) | {
        "model.field.aabb": np.array([[-1.3, -1.4, -1.5], [1.3, 1.4, 1.5]], np.float32),
        "model.field.sigma_net.params": parameters(random, 32, 16, 64, 1),
        "model.field.color_net.params": parameters(random, 31, 3, 64, 2),
        "model.proposal_networks.0.grids.0": np.zeros((1, 8, 4, 4), np.float32),
    }
    triplane = opened(saved(tensors, tmp_path / "model.pth"))[0]
    assert triplane.provenance.family == "K-Planes" and triplane.description.needs_time
    assert triplane.provenance.declared["times"] == "5"
    assert triplane.provenance.declared["decoder"] == "hybrid"
    time = random.uniform(-1.1, 1.1, len(POINTS)).astype(np.float32)
    places = np.column_stack([POINTS / np.array([1.3, 1.4, 1.5]), time])
    features = np.concatenate(kplanes_features(tensors, places, 2), 1)
    base = network(tensors["model.field.sigma_net.params"], features, 16, 64, 1)
    seen = np.concatenate([harmonics(VIEWS), base[:, :15]], 1)
    color = sigmoid(network(tensors["model.field.color_net.params"], seen, 3, 64, 2))
    close(triplane, {"density": np.exp(base[:, 15:] - 1), "rgb": color}, time=time)


@pytest.mark.parametrize("summed", [False, True])
def test_explicit_kplanes_of_a_contracted_scene_match_their_formula(tmp_path: Path, summed: bool) -> None:
    """With the appearance of photographs: the mean of all."""
    random = np.random.default_rng(6)
    width = 16 if summed else 32
    scale, shift = np.array([0.8, 0.9, 1.0], np.float32), np.array([0.1, -0.2, 0.0], np.float32)
    tensors = kplanes_grids(random, 3, 16, (1, 2)) | {
        "model.field.spatial_distortion.global_scale": scale,
        "model.field.spatial_distortion.global_translation": shift,
        "model.field.sigma_net.params": parameters(random, width, 1, 0, 0),
        "model.field.color_basis.params": parameters(random, 3 + 5, 3 * width, 128, 2),
        "model.field.appearance_embedding.weight": random.normal(size=(7, 5)).astype(np.float32),
    }
    triplane = opened(saved(tensors, tmp_path / "model.pth"))[0]
    assert triplane.provenance.declared["scales"] == ("added up" if summed else "side by side")
    scaled = POINTS * scale + shift
    size = np.abs(scaled).max(1, keepdims=True)
    places = np.where(size < 1, scaled, (2 - 1 / size) * scaled / size) / 2
    found = kplanes_features(tensors, places, 2)
    features = found[0] + found[1] if summed else np.concatenate(found, 1)
    density = np.exp(network(tensors["model.field.sigma_net.params"], features, 1, 0, 0) - 1)
    appearance = np.tile(tensors["model.field.appearance_embedding.weight"].mean(0), (len(POINTS), 1))
    seen = np.concatenate([VIEWS, appearance], 1)
    basis = network(tensors["model.field.color_basis.params"], seen, 3 * width, 128, 2).reshape(-1, 3, width)
    close(triplane, {"density": density, "rgb": sigmoid((basis * features[:, None]).sum(2))})


def test_kplanes_without_networks_show_their_planes(tmp_path: Path) -> None:
    triplane = opened(saved(kplanes_grids(np.random.default_rng(0), 3, 4, (1,)), tmp_path / "planes.pt"))[0]
    assert not triplane.has_decoder and triplane.provenance.family == "K-Planes"
    broken = kplanes_grids(np.random.default_rng(0), 3, 4, (1, 2))
    del broken["model.field.grids.1.2"]
    family = recognise({name: array.shape for name, array in broken.items()})
    assert family is None or family.name != "K-Planes"


def img6_tensors(inputs: int) -> dict[str, np.ndarray]:
    """A small 6Img-to-3D, which is (6,10,11) texels large, with a decoder of so many inputs."""
    random = np.random.default_rng(7)
    shapes = {"plane_zh": (6, 10, 128), "plane_hw": (10, 11, 128), "plane_zw": (6, 11, 128)}
    tensors = {name: random.normal(0.8, 0.6, shape).astype(np.float32) for name, shape in shapes.items()}
    return tensors | {"decoder_net.params": parameters(random, inputs, 4, 128, 5)}


def test_img6_matches_its_formula(tmp_path: Path) -> None:
    tensors = img6_tensors(128)
    triplane = opened(saved(tensors, tmp_path / "scene.pth"))[0]
    assert triplane.provenance.family == "6Img-to-3D"
    scaled = POINTS * np.array([0.5, 0.1, 0.1]) * 4
    size = np.linalg.norm(scaled, axis=1, keepdims=True)
    z, h, w = (np.where(size < 1, scaled, (2 - 1 / size) * scaled / size) / 2).T
    read = [
        bilinear(tensors[name].transpose(2, 1, 0), across, down, True, zeros=True)
        for name, across, down in (("plane_zh", z, h), ("plane_hw", h, w), ("plane_zw", w, z))
    ]
    decoded = network(tensors["decoder_net.params"], np.prod(read, axis=0), 4, 128, 5)
    found = Field(triplane, "cpu").query(POINTS * 4)
    for name, values in (("rgb", sigmoid(decoded[:, :3])), ("density", np.exp(decoded[:, 3:] - 1))):
        assert np.abs(found[name] - values).max() < 1e-4 * np.abs(values).max(), name


def test_img6_with_image_features_says_why_it_cannot_be_read(tmp_path: Path) -> None:
    sentence = refused(saved(img6_tensors(128 + 256), tmp_path / "scene.pth"))
    assert "reads features of the six images" in sentence and "pif = False" in sentence


def test_img6_planes_alone_and_with_their_checkpoint(tmp_path: Path) -> None:
    tensors = img6_tensors(128)
    decoder = saved({"ttp.decoder_net.params": tensors.pop("decoder_net.params")}, tmp_path / "model_1.pth")
    planes = saved(tensors, tmp_path / "planes.pt")
    assert not opened(planes)[0].has_decoder
    assert opened(planes, decoder)[0].has_decoder
    sentence = refused(decoder)
    assert "6Img-to-3D" in sentence and "decoder but no planes" in sentence


def test_these_families_are_told_apart() -> None:
    files = {
        "Tri-MipRF": trimiprf_tensors(),
        "6Img-to-3D": img6_tensors(128),
        "K-Planes": kplanes_grids(np.random.default_rng(0), 4, 4, (1,)),
    }
    for name, tensors in files.items():
        assert recognise({key: np.shape(array) for key, array in tensors.items()}).name == name
