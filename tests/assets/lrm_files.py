"""Small random files in the layouts of the families that follow EG3D and LRM, and what two fields have in common."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from assets.fields.decoder import Field
from assets.triplane import Triplane

RNG = np.random.default_rng(7)
SIZE = 8
"""Texels along a side."""

POINTS = np.random.default_rng(1).uniform(-1.2, 1.2, (200, 3))
"""Points in a box of ±1 and around it."""


def planes(channels: int, count: int = 3, batch: int = 1, size: int = SIZE) -> np.ndarray:
    """Random planes (B,P,C,H,W) f32."""
    return RNG.normal(size=(batch, count, channels, size, size)).astype(np.float32)


def mlp(before: str, widths: list[int], first: int = 0, step: int = 2, bias: bool = True) -> dict[str, np.ndarray]:
    """Random linear layers between these widths, numbered from `first` on in steps."""
    tensors = {}
    for index, (inputs, outputs) in enumerate(pairwise(widths)):
        name = f"{before}{first + step * index}"
        tensors[f"{name}.weight"] = RNG.normal(0, inputs**-0.5, (outputs, inputs)).astype(np.float32)
        if bias:
            tensors[f"{name}.bias"] = RNG.normal(0, 0.1, outputs).astype(np.float32)
    return tensors


def openlrm(channels: int = 4) -> dict[str, np.ndarray]:
    """An OpenLRM decoder."""
    return mlp("synthesizer.decoder.net.", [3 * channels, 16, 16, 16, 4])


def instantmesh(channels: int = 4) -> dict[str, np.ndarray]:
    """The decoder of InstantMesh's mesh variant."""
    before = "state_dict.lrm_generator.synthesizer.decoder.net_"
    ends = {"sdf": 1, "rgb": 3, "deformation": 3}
    nets = [mlp(f"{before}{name}.", [3 * channels, 16, 16, 16, outputs]) for name, outputs in ends.items()]
    nets.append(mlp(f"{before}weight.", [24 * channels, 16, 16, 16, 21]))
    return {name: array for net in nets for name, array in net.items()}


def osg(channels: int = 4, outputs: int = 33) -> dict[str, np.ndarray]:
    """A decoder of EG3D's kind."""
    return mlp("decoder.net.", [channels, 64, outputs])


def crm(channels: int = 4) -> dict[str, np.ndarray]:
    """A CRM decoder."""
    return mlp("sdfMlp.fc", [channels, 16, 16, 4], 1, 1) | mlp("rgbMlp.fc", [channels, 16, 16, 3], 1, 1)


def triplaneturbo(channels: int = 4) -> dict[str, np.ndarray]:
    """A TriplaneTurbo decoder."""
    before = "state_dict.geometry."
    return (
        mlp(f"{before}sdf_network.layers.", [channels, 16, 16, 1], bias=False)
        | mlp(f"{before}feature_network.layers.", [3 * channels, 16, 16, 3], bias=False)
        | mlp(f"{before}deformation_network.layers.", [channels, 16, 16, 3], bias=False)
    )


def direct3d(channels: int = 4) -> dict[str, np.ndarray]:
    """A Direct3D decoder."""
    return mlp("vae.occ_decoder.net.", [3 * channels, 16, 16, 16, 16, 1])


def blockfusion(channels: int = 4) -> dict[str, np.ndarray]:
    """A BlockFusion decoder, with directions and lengths."""
    plain = mlp("lin", [channels, 16, 16, 16, 1], 0, 1)
    tensors = {name.replace("weight", "weight_v"): array for name, array in plain.items()}
    for index in range(4):
        rows = len(tensors[f"lin{index}.weight_v"])
        tensors[f"lin{index}.weight_g"] = RNG.uniform(0.5, 2.0, (rows, 1)).astype(np.float32)
    return tensors


def gtr(channels: int = 4) -> dict[str, np.ndarray]:
    """A GTR decoder with nets of their own for density and colour."""
    before = "pipeline.field.decoder.field."
    return mlp(f"{before}mlp_sigma.layers.", [3 * channels, 16, 16, 1], step=1) | mlp(
        f"{before}mlp_color.layers.", [3 * channels, 16, 16, 16, 3], step=1
    )


def rolled(array: np.ndarray) -> np.ndarray:
    """Planes (B,P,C,H,W) side by side along the width: (B,C,H,P·W)."""
    return np.concatenate(list(array.transpose(1, 0, 2, 3, 4)), axis=-1)


def values(triplane: Triplane) -> dict[str, np.ndarray]:
    """The field at POINTS."""
    return Field(triplane, "cpu").query(POINTS)


def same(first: Triplane, second: Triplane) -> None:
    """Both triplanes have the same values."""
    ours, theirs = values(first), values(second)
    assert ours and set(ours) == set(theirs)
    for name, array in ours.items():
        np.testing.assert_allclose(array, theirs[name], rtol=1e-5, atol=1e-6, err_msg=name)


def bilinear(plane: np.ndarray, columns: np.ndarray, rows: np.ndarray, padding: str) -> np.ndarray:
    """Features (N,C) of a plane (C,H,W) at −1 … 1, texel edges at the box; outside are "zeros" or the nearest texel."""
    size = plane.shape[-1]
    x, y = ((along + 1) * size / 2 - 0.5 for along in (columns, rows))
    if padding == "border":
        x, y = np.clip(x, 0, size - 1), np.clip(y, 0, size - 1)
    padded = np.pad(plane, ((0, 0), (1, 1), (1, 1)))
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    found = np.zeros((len(columns), len(plane)))
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = (1 - np.abs(x - left - i)) * (1 - np.abs(y - top - j))
        # Beyond the padded rows and columns are zeros too.
        u, v = np.clip(left + i + 1, 0, size + 1), np.clip(top + j + 1, 0, size + 1)
        found += (padded[:, v, u] * weight).T
    return found
