"""Splats trained in linear light in files: glTF says so, and the others get the nearest colours of sRGB."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assets.formats import formats, save_path
from assets.gaussians import Gaussians
from assets.progress import run
from assets.splats.attributes import base_colors
from assets.splats.linear_light import encoded
from assets.splats.spherical_harmonics import C0, colors
from tests.assets.splat_comparison import read, same_rows
from tests.assets.splat_files import random_splats

SUFFIXES = sorted({suffix for form in formats() if "gaussians" in form.writes for suffix in form.extensions})


def linear(count: int = 300, degree: int = 3) -> Gaussians:
    """Splats with colours from black to white, of linear light."""
    splats = random_splats(count, degree)
    shade = np.random.default_rng(1).uniform(0, 1, (count, 3)) ** 2
    splats.sh[:, 0] = (shade - 0.5) / C0
    splats.sh[:, 1:] *= 0.3
    splats.notes.color_space = "linear"
    return splats


def curve(light: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def directions(count: int) -> np.ndarray:
    """Unit vectors (count,3) to all sides."""
    found = np.random.default_rng(2).normal(size=(count, 3))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_a_colour_that_is_the_same_from_everywhere_follows_the_curve() -> None:
    splats = linear(degree=0)
    before = splats.sh.copy()
    out = run(encoded(splats))
    np.testing.assert_allclose(0.5 + C0 * out.sh, curve(0.5 + C0 * before.astype(np.float64)), atol=2e-6)
    assert np.array_equal(splats.sh, before) and splats.notes.color_space == "linear"
    assert out.notes.color_space == "srgb" and out.means is splats.means
    assert run(encoded(out)) is out


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_what_depends_on_the_view_is_nearer_than_by_the_slope_of_the_curve(degree: int) -> None:
    splats = linear(degree=degree)
    out = run(encoded(splats)).sh
    middle = 0.5 + C0 * splats.sh[:, :1].astype(np.float64)
    slope = np.where(middle <= 0.0031308, 12.92, 1.055 / 2.4 * np.maximum(middle, 0.0031308) ** (1 / 2.4 - 1))
    first_order = splats.sh * slope
    first_order[:, :1] = (curve(middle) - 0.5) / C0
    errors = {"fit": [], "first order": [], "as stored": []}
    for direction in directions(100):
        along = np.tile(direction, (len(splats), 1))
        wanted = curve(colors(splats.sh, along, degree))
        for name, sh in (("fit", out), ("first order", first_order), ("as stored", splats.sh)):
            errors[name].append(np.clip(colors(sh, along, degree), 0, 1) - wanted)
    fit, first, stored = (np.sqrt(np.mean(np.square(found))) for found in errors.values())
    assert fit < 0.75 * first < 0.75 * stored


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_writer_keeps_linear_light_or_encodes_it(suffix: str, tmp_path: Path) -> None:
    splats = linear(500, degree=0)
    seen = curve(0.5 + C0 * splats.sh[:, 0])
    path = tmp_path / f"a{suffix}"
    run(save_path(splats, path))
    again = read(path)
    assert again.notes.color_space == ("linear" if suffix == ".glb" else "srgb")
    np.testing.assert_allclose(base_colors(same_rows(splats, again), slice(None)), seen, atol=0.02)
    np.testing.assert_allclose(base_colors(splats, slice(None)), seen, atol=1e-6)


def test_gltf_keeps_everything(tmp_path: Path) -> None:
    splats = linear()
    for path in (tmp_path / "a.glb", tmp_path / "b.glb"):
        run(save_path(splats, path))
        splats_again = read(path)
        np.testing.assert_array_equal(splats_again.sh, splats.sh)
        np.testing.assert_array_equal(splats_again.means, splats.means)
        assert splats_again.facts() == splats.facts() and not splats_again.provenance.warnings
        assert splats_again.facts()["colour space"] == "linear light"
        splats = splats_again


def test_who_saves_is_told_what_becomes_of_linear_light() -> None:
    for form in (form for form in formats() if "gaussians" in form.writes):
        assert not form.caveat(random_splats(3))
        assert bool(form.caveat(linear(3))) == (".glb" not in form.extensions), form.name
