"""Codebooks and palettes: as good as the plain algorithm, exact where they can be, and soon done."""

from __future__ import annotations

import time

import numpy as np
import pytest

from assets.progress import Progress, run
from assets.splats import clustering


def squared_error(values: np.ndarray, entries: np.ndarray) -> float:
    """Mean squared distance to the nearest entry."""
    indices = clustering.nearest_entries(entries, values)
    return float(np.mean((values.astype(np.float64) - entries[indices]) ** 2))


def clustered_rows(count: int, width: int = 12, seed: int = 0) -> np.ndarray:
    """Rows around a few hundred centres, with tails as those of real coefficients."""
    random = np.random.default_rng(seed)
    centers = random.laplace(0, 0.3, (300, width))
    rows = centers[random.integers(0, 300, count)] * random.exponential(1, (count, 1))
    return (rows + random.normal(0, 0.05, rows.shape)).astype(np.float32)


@pytest.mark.parametrize("levels", [2, 16, 256])
def test_a_codebook_of_even_values_is_even(levels: int) -> None:
    values = np.linspace(0, 1, 200_001, dtype=np.float32)
    entries = clustering.codebook(values, levels)
    np.testing.assert_allclose(entries, (np.arange(levels) + 0.5) / levels, atol=2e-4)
    assert squared_error(values, entries) == pytest.approx(1 / 12 / levels**2, rel=0.01)


def test_a_codebook_of_normal_values_is_nearly_the_best_there_is() -> None:
    """Panter and Dite's limit for a fine quantiser of a normal distribution: √3·π/2 · σ² / n²."""
    values = np.random.default_rng(0).normal(0, 1, 1_000_000).astype(np.float32)
    start = time.process_time()
    entries = clustering.codebook(values, 256)
    assert time.process_time() - start < 2
    assert squared_error(values, entries) < 1.02 * np.sqrt(3) * np.pi / 2 / 256**2


def test_few_values_are_kept_as_they_are() -> None:
    values = np.random.default_rng(0).choice(np.float32([0.1, -7, 3e5, 0.25]), 1000)
    entries = clustering.codebook(values, 256)
    assert len(entries) == 256 and squared_error(values, entries) == 0
    np.testing.assert_array_equal(entries[:4], np.float32([-7, 0.1, 0.25, 3e5]))
    np.testing.assert_array_equal(clustering.codebook(np.float32([2.5]), 4), [2.5] * 4)


def test_heavy_values_are_met_more_exactly() -> None:
    values = np.random.default_rng(0).uniform(0, 1, 20_000).astype(np.float32)
    entries = clustering.codebook(values, 64, weights=np.where(values < 0.1, 1000, 1))
    gaps = np.diff(entries)
    assert (np.diff(entries) > 0).all() and gaps[entries[1:] < 0.1].mean() < 0.25 * gaps[entries[1:] > 0.2].mean()


def test_equal_rows_are_found() -> None:
    rows = clustered_rows(500)
    picked = np.random.default_rng(1).integers(0, 500, 20_000)
    first, which = clustering.distinct_rows(rows[picked], 500)
    np.testing.assert_array_equal(rows[picked][first[which]], rows[picked])
    assert len(first) == len(set(picked)) and clustering.distinct_rows(rows[picked], 499) is None
    palette = run(clustering.palette(rows[picked], 1024))
    labels = run(clustering.nearest_rows(rows[picked], palette))
    np.testing.assert_allclose(palette[labels], rows[picked], atol=1e-6)


def test_a_palette_is_better_than_plain_k_means() -> None:
    """Plain: random rows, each compared with all entries, in as many rounds."""
    rows, size, rounds = clustered_rows(6000), 400, 5
    entries = run(clustering.palette(rows, size, rounds))
    labels = run(clustering.nearest_rows(rows, entries))
    own = np.mean((rows - entries[labels]) ** 2)
    plain = rows[np.random.default_rng(0).permutation(len(rows))[:size]].astype(np.float64)
    for _ in range(rounds):
        distances = (plain**2).sum(1) - 2 * rows @ plain.T
        label = distances.argmin(1)
        sums = np.zeros_like(plain)
        np.add.at(sums, label, rows)
        counts = np.bincount(label, minlength=size)[:, None]
        plain = np.where(counts > 0, sums / np.maximum(counts, 1), plain)
    distances = (plain**2).sum(1) - 2 * rows @ plain.T
    assert entries.shape == (size, rows.shape[1]) and own < np.mean((rows - plain[distances.argmin(1)]) ** 2)


def test_looking_only_around_loses_little() -> None:
    """The error with the cells around, against that with all entries."""
    rows = clustered_rows(15_000, 45, seed=2)
    entries = run(clustering.palette(rows, 2048, 2))
    labels = run(clustering.nearest_rows(rows, entries))
    near = np.sum((rows - entries[labels]) ** 2, 1).sum()
    least = [((entries**2).sum(1) - 2 * block @ entries.T).min(1) for block in np.split(rows, 30)]
    best = (np.concatenate(least) + (rows**2).sum(1)).sum()
    assert best <= near < 1.03 * best


def test_the_same_rows_give_the_same_palette_in_small_steps() -> None:
    rows = clustered_rows(8000, seed=5)
    events: list[Progress] = []
    first = run(clustering.palette(rows, 512, 2), events.append)
    np.testing.assert_array_equal(first, run(clustering.palette(rows, 512, 2)))
    shares = [event.fraction for event in events]
    assert shares == sorted(shares) and len(events) > 20 and np.diff(shares).max() < 0.4


def test_rows_that_are_hard_to_part() -> None:
    """Half of them equal, one far away, more entries than the rest can use."""
    rows = np.zeros((3000, 3), np.float32)
    rows[:1400] = np.random.default_rng(0).normal(size=(1400, 3))
    rows[7] = 1e6
    entries = run(clustering.palette(rows, 1024, 3))
    labels = run(clustering.nearest_rows(rows, entries))
    assert np.isfinite(entries).all() and len(entries) == 1024
    np.testing.assert_allclose(entries[labels[7]], rows[7], rtol=1e-6)
    assert np.abs(entries[labels[1400:]]).max() < 0.3
