"""Fields of classes. There is no oracle of the families' own code: the published formulas are written again here, on
small random files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from assets.fields.decoder import Field
from assets.fields.showing import shown
from assets.formats import save_path
from assets.progress import run
from assets.triplane import Triplane

from .dynamiccity_model import Model
from .triplane_files import opened, refused, saved

# DynamicCity

T, X, Y, Z = 3, 10, 8, 4


def rolled_out(planes: list[torch.Tensor]) -> np.ndarray:
    """The picture (1,C,X+T+Z,Y+Z+T) of planes xy, xz, yz, tx, ty, tz, zeros where nothing lies."""
    xy, xz, yz, tx, ty, tz = (plane.numpy() for plane in planes)
    rollout = np.zeros((*xy.shape[:2], X + T + Z, Y + Z + T), np.float32)
    rollout[..., :X, :Y], rollout[..., :X, Y : Y + Z], rollout[..., X + T :, :Y] = xy, xz, yz.swapaxes(2, 3)
    rollout[..., :X, Y + Z :], rollout[..., X : X + T, :Y], rollout[..., X : X + T, Y : Y + Z] = (
        tx.swapaxes(2, 3),
        ty,
        tz,
    )
    return rollout


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> tuple[Triplane, np.ndarray, Path]:
    """A scene of random planes and weights, the labels (2T,2X,2Y,2Z) that the formula gives, and its folder."""
    folder = tmp_path_factory.mktemp("city")
    torch.manual_seed(0)
    model = Model()
    planes = [torch.randn(1, 4, *size) for size in ((X, Y), (X, Z), (Y, Z), (T, X), (T, Y), (T, Z))]
    torch.save({"model_state_dict": model.state_dict(), "epoch": 3}, folder / "vae.pth")
    np.savez(folder / "scene.npz", rollout=rolled_out(planes).astype(np.float32))
    return opened(folder / "scene.npz", folder / "vae.pth")[0], model.logits(planes).argmax(1).numpy(), folder


def test_a_city_has_the_label_of_every_voxel_and_frame(city: tuple[Triplane, np.ndarray, Path]) -> None:
    triplane, labels, _ = city
    assert triplane.provenance.family == "DynamicCity" and len(np.unique(labels)) > 3
    low, high = (np.array(side) for side in (triplane.description.space.low, triplane.description.space.high))
    t, x, y, z = (axis.reshape(-1) for axis in np.indices(labels.shape))
    centres = low + (np.stack([x, y, z], 1) + 0.5) / labels.shape[1:] * (high - low)
    found = Field(triplane, "cpu").query(centres, time=t.astype(np.float32))["label"]
    assert (found.reshape(labels.shape) == labels).mean() > 0.9999  # the order of sums may turn a tie


def test_between_the_centres_the_nearest_voxel_counts(city: tuple[Triplane, np.ndarray, Path]) -> None:
    triplane, labels, _ = city
    points = np.float32([[-25.6 + 51.2 * 5.4 / 20, -25.6 + 51.2 * 3.6 / 16, -2 + 6.4 * 6.1 / 8]])
    for frame in (0, 3, 5):
        for offset in (-0.4, 0.0, 0.4):
            label = Field(triplane, "cpu").query(points, time=np.float32(frame + offset))["label"]
            assert label.item() == labels[frame, 5, 3, 6]
    outside = Field(triplane, "cpu").query(np.float32([[26, 0, 0], [0, 0, 5]]), time=np.float32(0))["label"]
    assert (outside == 0).all() and triplane.description.labels[0].hidden


def test_what_is_known_of_a_city(city: tuple[Triplane, np.ndarray, Path]) -> None:
    triplane, _, folder = city
    assert shown(triplane.description).kind == "labels" and triplane.description.needs_time
    assert [label.name for label in triplane.description.labels][:3] == ["free", "building", "barrier"]
    assert triplane.provenance.declared["planes"] == "6 of 10 × 8 × 4 cells and 3 times"
    assert triplane.tensors["labels"].shape == (1, 2 * T, 2 * Z, 2 * Y, 2 * X)
    alone = opened(folder / "scene.npz")[0]
    assert not alone.has_decoder and "DynamicCity planes without" in alone.provenance.warnings[0]
    assert alone.tensors["tx"].shape == triplane.tensors["tx"].shape == (1, 4, T, X)
    assert "holds a DynamicCity decoder but no planes" in refused(folder / "vae.pth")


def test_a_city_is_saved_with_its_labels(city: tuple[Triplane, np.ndarray, Path]) -> None:
    triplane, labels, folder = city
    run(save_path(triplane, folder / "city.safetensors"))
    again = opened(folder / "city.safetensors")[0]
    assert again.description == triplane.description and again.description.labels[10].name == "vehicle"
    centre = np.float32([[0.1, 0.1, 1.3]])
    assert Field(again, "cpu").query(centre, time=np.float32(4))["label"].item() == labels[4, X, Y, Z]


def test_a_rollout_without_zeros_needs_the_published_sizes(tmp_path: Path) -> None:
    rollout = np.ones((1, 16, 76, 76), np.float16)
    np.savez(tmp_path / "full.npz", rollout=rollout)
    full = opened(tmp_path / "full.npz")[0]
    assert full.tensors["xz"].shape == (1, 16, 64, 4) and "planes" in full.provenance.guessed
    np.savez(tmp_path / "odd.npz", rollout=rollout[..., :70, :70])
    assert "cannot be read as DynamicCity" in refused(tmp_path / "odd.npz")


# TPVFormer

H, W, D, WIDTH = 6, 5, 3, 8


def occupancy(classes: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Random planes of tokens and the weights of a classifier."""
    rng = np.random.default_rng(classes)
    planes = {"hw": H * W, "zh": D * H, "wz": W * D}
    tokens = {f"tpv_{name}": rng.normal(size=(1, count, WIDTH)).astype(np.float32) for name, count in planes.items()}
    sizes = {"decoder.0": (2 * WIDTH, WIDTH), "decoder.2": (WIDTH, 2 * WIDTH), "classifier": (classes, WIDTH)}
    weights = {}
    for name, size in sizes.items():
        weights[f"tpv_aggregator.{name}.weight"] = rng.normal(size=size).astype(np.float32)
        weights[f"tpv_aggregator.{name}.bias"] = rng.normal(size=size[0]).astype(np.float32)
    return tokens, weights


def classified(tokens: dict[str, np.ndarray], weights: dict[str, np.ndarray], voxels: np.ndarray) -> np.ndarray:
    """The label at places (N,3), counted in voxels w, h, z, as published."""
    place = torch.from_numpy(voxels / [W, H, D] * 2 - 1).float()
    features = torch.zeros(1)
    for name, rows, columns, pair in (("hw", H, W, [0, 1]), ("zh", D, H, [1, 2]), ("wz", W, D, [2, 0])):
        plane = torch.from_numpy(tokens[f"tpv_{name}"]).permute(0, 2, 1).reshape(1, WIDTH, rows, columns)
        features = (
            features + functional.grid_sample(plane, place[None, None][..., pair], align_corners=False)[0, :, 0].T
        )
    linear = {name: torch.from_numpy(array) for name, array in weights.items()}
    for name in ("decoder.0", "decoder.2", "classifier"):
        features = features @ linear[f"tpv_aggregator.{name}.weight"].T + linear[f"tpv_aggregator.{name}.bias"]
        features = functional.softplus(features) if name == "decoder.0" else features
    return features.argmax(1).numpy()


@pytest.mark.parametrize("apart", [False, True])
def test_occupancy_is_classified_as_published(tmp_path: Path, apart: bool) -> None:
    tokens, weights = occupancy(18)
    if apart:
        torch.save([torch.from_numpy(array) for array in tokens.values()], tmp_path / "planes.pt")
        decoder = saved({f"module.{name}": array for name, array in weights.items()}, tmp_path / "model.pth")
        triplane = opened(tmp_path / "planes.pt", decoder)[0]
    else:
        triplane = opened(saved(tokens | weights, tmp_path / "whole.pt"))[0]
    assert triplane.provenance.family == "TPVFormer" and triplane.up_axis() == "z"
    voxels = np.random.default_rng(1).uniform(-0.5, [W + 0.5, H + 0.5, D + 0.5], (500, 3))
    low, high = np.array([-51.2, -51.2, -5.0]), np.array([51.2, 51.2, 3.0])
    found = Field(triplane, "cpu").query(low + voxels / [W, H, D] * (high - low))["label"][:, 0]
    expected = classified(tokens, weights, voxels)
    assert len(np.unique(expected)) > 3 and (found == expected).mean() > 0.995


def test_classes_have_the_colours_of_their_data_set(tmp_path: Path) -> None:
    for count, last in ((18, "empty"), (17, "vegetation"), (20, "class 19")):
        tokens, weights = occupancy(count)
        key = opened(saved(tokens | weights, tmp_path / f"{count}.pt"))[0].description.labels
        assert len(key) == count and key[-1].name == last and key[0].hidden and key[-1].hidden == (last == "empty")
        assert len({label.color for label in key if not label.hidden}) == sum(not label.hidden for label in key)
    assert key[4].color != key[5].color


def test_tokens_alone_open_as_planes(tmp_path: Path) -> None:
    tokens, weights = occupancy(17)
    alone = opened(saved(tokens, tmp_path / "planes.pt"))[0]
    assert alone.provenance.family == "TPVFormer" and not alone.has_decoder
    assert alone.tensors["hw"].shape == (1, WIDTH, H, W) and alone.tensors["wz"].shape == (1, WIDTH, W, D)
    narrow = {name: array[..., :-1] if array.shape[-1] == WIDTH else array for name, array in weights.items()}
    assert "does not fit" in refused(tmp_path / "planes.pt", saved(narrow, tmp_path / "narrow.pt"))
