"""What the doctor finds in splats, and that its remedies are exact; the numbers of the histogram; frames of .spz."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from assets.edits.data import DataEdit
from assets.edits.history import History
from assets.formats import open_path, save_path
from assets.gaussians import Gaussians
from assets.progress import run
from assets.splats.attributes import attributes, base_colors, hues, measured, spread, within
from assets.splats.doctor import Finding, examine, remedied
from assets.splats.frames import spz_flipped
from assets.splats.rows import kept
from assets.splats.spz_frame import other_frame, says_frame
from assets.splats.twins import twins
from tests.assets.splat_files import inria_names, random_splats, random_table, write_ply

EXTREMES = np.float32([0, -0.0, 1, -1, 1e38, -1e38, 1e-38, 1e-45, np.nan, np.inf, -np.inf, 20, -20, 88, -100])


def sound(count: int = 3000, degree: int = 1) -> Gaussians:
    """Splats with which nothing is wrong."""
    splats = random_splats(count, degree)
    splats.rotations /= np.linalg.norm(splats.rotations, axis=1, keepdims=True)
    splats.logit_opacities = np.abs(splats.logit_opacities)
    splats.notes.up_axis = "-y"
    splats.order = run(splats.by_visibility())
    return splats


def found(splats: Gaussians) -> dict[str, Finding]:
    """The complaints by their keys."""
    return {finding.key: finding for finding in run(examine(splats))}


def cure(splats: Gaussians, *keys: str) -> dict:
    """Puts complaints right, and checks that the way back leads to the very same data."""
    before = splats.state()
    state = run(remedied(splats, keys))
    history = History()
    history.do(DataEdit(splats, {name: before[name] for name in state}, state, "Fix"))
    after = splats.state()
    history.undo()
    assert all(splats.state()[name] is before[name] for name in before)
    history.redo()
    return after


def test_sound_splats_have_no_complaints() -> None:
    assert found(sound()) == {}
    empty = (np.zeros(shape, np.float32) for shape in ((0, 3), (0, 3), (0, 4), (0,), (0, 1, 3)))
    assert found(Gaussians("none", *empty)) == {}


def test_quaternions_are_normalised() -> None:
    splats = sound()
    before = splats.rotations.copy()
    splats.rotations = before.copy()
    splats.rotations[5:15] *= 3
    splats.rotations[20] = 0
    complaint = found(splats)["quaternions"]
    assert complaint.count == 11 and complaint.grave and "1 have no direction" in complaint.detail
    cure(splats, "quaternions")
    assert np.allclose(np.linalg.norm(splats.rotations, axis=1), 1, atol=1e-6)
    assert np.allclose(np.delete(splats.rotations, 20, 0), np.delete(before, 20, 0), atol=1e-6)
    assert found(splats) == {}


def test_dead_and_giant_splats_are_removed_with_all_that_is_theirs() -> None:
    splats = sound()
    splats.extra = {"label": np.arange(3000, dtype=np.uint16)}
    splats.logit_opacities[[7, 8]] = -9.0
    splats.log_scales[100] = 4.0
    complaints = found(splats)
    assert {key: one.count for key, one in complaints.items()} == {"giant": 1, "dead": 2}
    assert complaints["giant"].grave and not complaints["dead"].grave
    order, means = splats.order, splats.means
    cure(splats, "dead", "giant")
    left = np.setdiff1d(np.arange(3000), [7, 8, 100])
    assert np.array_equal(splats.extra["label"], left) and np.array_equal(splats.means, means[left])
    # What is left keeps its order of importance.
    assert np.array_equal(left[splats.order], order[np.isin(order, left)])
    assert found(splats) == {}


def test_stray_splats_are_those_far_from_all_others() -> None:
    splats = sound()
    splats.means = splats.means.copy()
    splats.means[11], splats.means[12] = (1e30, 0, 0), (0, 0, -1e4)
    splats.means[13] *= 4  # a sky
    complaint = found(splats)["stray"]
    assert complaint.count == 2 and not complaint.grave
    cure(splats, "stray")
    assert len(splats) == 2998 and found(splats) == {}


@pytest.mark.parametrize(("count", "extent"), [(3000, 1), (40_000, 5)])
def test_linear_sizes_become_logarithms(count: int, extent: int) -> None:
    splats = sound(count)
    splats.means *= extent
    right = splats.log_scales
    splats.log_scales = np.exp(right)
    complaints = found(splats)
    assert complaints["linear_scales"].count == count and "giant" not in complaints
    cure(splats, "linear_scales")
    assert np.allclose(splats.log_scales, right, rtol=0, atol=1e-6) and found(splats) == {}


def test_large_units_are_no_complaint() -> None:
    splats = sound()
    splats.means *= 1000
    splats.log_scales += np.float32(np.log(1000))
    assert splats.log_scales.min() > 0 and found(splats) == {}


@pytest.mark.parametrize("count", [50, 40_000])
def test_duplicates_are_those_that_agree_in_every_value(count: int) -> None:
    splats = sound(count)
    picked = np.random.default_rng(3).permutation(count)[:20]
    again = run(kept(splats, np.isin(np.arange(count), picked)))
    for name in ("means", "log_scales", "rotations", "logit_opacities", "sh"):
        setattr(splats, name, np.concatenate([getattr(splats, name), again[name], again[name]]))
    splats.sh[-1, 1, 2] += 1  # the same centre and colour, but another splat
    splats.order = None
    twin = run(twins(splats))
    assert np.array_equal(np.flatnonzero(twin), np.arange(count, count + 39))
    assert found(splats)["duplicates"].count == 39
    cure(splats, "duplicates")
    assert len(splats) == count + 1


def test_splats_left_out_by_the_reader_are_told(tmp_path) -> None:
    table = random_table(60)
    table[3, 0] = np.nan
    table[9, -1] = np.inf
    (splats,) = run(open_path(write_ply(tmp_path / "odd.ply", table, inria_names(0))))
    complaint = found(splats)["non_finite"]
    assert complaint.count == 2 and not complaint.fix
    splats.means = splats.means.copy()
    splats.means[4, 1] = np.inf
    assert found(splats)["non_finite"].fix
    cure(splats, "non_finite")
    assert len(splats) == 57


def standing(up: int, sign: float, count: int = 4000) -> Gaussians:
    """A ground across one axis, with a cloud on it."""
    splats = sound(count)
    ground = slice(0, count // 2)
    splats.means[:, up] = sign * np.abs(splats.means[:, up])
    splats.means[ground, up] = 0.001 * splats.means[ground, up]
    splats.log_scales[ground] = np.log(0.05)
    splats.log_scales[ground, up] = np.log(0.001)
    splats.rotations[ground] = (1, 0, 0, 0)
    return splats


@pytest.mark.parametrize(("axis", "sign", "word"), [(1, 1, "y"), (2, 1, "z"), (2, -1, "-z"), (1, -1, None)])
def test_a_ground_tells_what_is_up(axis: int, sign: float, word: str | None, tmp_path) -> None:
    splats = standing(axis, sign)
    splats.provenance.guessed["up axis"] = "-y (the frame of COLMAP)"
    complaint = found(splats).get("up_axis")
    assert (complaint is not None) == (word is not None)
    if word:
        assert complaint.fix == f"Call {word.replace('-', '−') if word[0] == '-' else '+' + word} up"
        cure(splats, "up_axis")
        assert splats.up_axis() == word and "up axis" not in splats.provenance.guessed
        assert found(splats) == {}
        run(save_path(splats, tmp_path / "up.ply"))
        assert run(open_path(tmp_path / "up.ply"))[0].up_axis() == word


def test_attributes_are_what_their_names_say() -> None:
    splats = random_splats(500)
    splats.extra = {"filter_3D": np.full(500, 0.01, np.float32), "label": np.arange(500, dtype=np.uint8)}
    values = {entry.key: run(measured(splats, entry)) for entry in attributes(splats)}
    sizes, opacities = splats.drawn(slice(None))
    assert np.array_equal(values["opacity"], opacities) and np.array_equal(values["largest"], sizes.max(1))
    assert np.allclose(values["anisotropy"], sizes.max(1) / sizes.min(1))
    assert np.array_equal(values["y"], splats.means[:, 1]) and np.array_equal(values["size_2"], sizes[:, 2])
    assert np.array_equal(values["extra:label"], np.arange(500, dtype=np.uint8))
    assert np.allclose(values["sh_energy"], np.linalg.norm(splats.sh[:, 1:].reshape(500, -1), axis=1), rtol=1e-5)
    expected = [colorsys.rgb_to_hsv(*map(float, color))[0] * 360 for color in base_colors(splats, slice(None))]
    assert np.allclose(values["hue"], expected, atol=1e-3)
    assert hues(np.float32([[0.5, 0.5, 0.5]]))[0] == 0


@pytest.mark.parametrize("logarithmic", [False, True])
def test_a_histogram_counts_each_number_once(logarithmic: bool) -> None:
    values = np.random.default_rng(0).lognormal(-4, 2, 70_000).astype(np.float32)
    values[:3] = np.nan, np.inf, -1.0
    histogram = run(spread(values, logarithmic, 50))
    assert histogram.beside == (3 if logarithmic else 2) and histogram.counts.sum() == len(values) - histogram.beside
    places = np.log10(values[3:].astype(np.float64)) if logarithmic else values[np.isfinite(values)].astype(np.float64)
    assert np.abs(histogram.counts - np.histogram(places, histogram.edges)[0]).sum() <= 2
    low, high = histogram.edges[[20, 31]]
    assert abs(within(values, histogram, low, high).sum() - histogram.counts[20:31].sum()) <= 2
    assert within(values, histogram, *histogram.edges[[0, -1]]).sum() == histogram.counts.sum()


def test_equal_numbers_have_a_histogram_too() -> None:
    histogram = run(spread(np.full(9, 2.5, np.float32)))
    assert histogram.edges[0] == 2.0 and histogram.edges[-1] == 3.0 and histogram.counts.sum() == 9
    assert run(spread(np.zeros(4, np.float32), logarithmic=True)).counts.sum() == 0


def test_the_other_frame_of_an_spz_is_the_other_reading(tmp_path) -> None:
    run(save_path(random_splats(50), tmp_path / "a.spz"))
    (splats,) = run(open_path(tmp_path / "a.spz"))
    assert says_frame(splats) == "rub"
    turned = spz_flipped(splats)
    state = run(other_frame(splats))
    for name in ("means", "rotations", "sh"):
        assert np.array_equal(state[name], getattr(turned, name))
    splats.set_state(state)
    assert says_frame(splats) == "ply" and splats.provenance.declared["frame"].endswith("set by you")
    splats.set_state(run(other_frame(splats)))
    assert says_frame(splats) == "rub"
    assert says_frame(random_splats(3)) is None


@pytest.mark.parametrize("seed", range(40))
def test_nothing_that_can_be_stored_upsets_the_doctor(seed: int, recwarn) -> None:
    random = np.random.default_rng(seed)
    splats = random_splats(int(random.integers(0, 700)), int(random.integers(0, 4)), bool(random.integers(2)), seed)
    splats.notes.up_axis = random.choice(["y", "-y", "z", "-z"])
    for name in ("means", "log_scales", "rotations", "logit_opacities", "sh"):
        array = getattr(splats, name)
        odd = random.random(array.shape) < random.choice([0.0, 0.01, 0.3, 1.0])
        array[odd] = random.choice(EXTREMES, np.count_nonzero(odd))
    if seed % 3 == 0:
        splats.extra = {"filter_3D": random.choice(EXTREMES, len(splats))}
    keys = tuple(finding.key for finding in run(examine(splats)) if finding.fix)
    for entry in attributes(splats):
        values = run(measured(splats, entry))
        for logarithmic in (False, True):
            histogram = run(spread(values, logarithmic))
            assert histogram.counts.sum() + histogram.beside == len(splats)
            assert np.count_nonzero(within(values, histogram, *histogram.edges[[0, -1]])) == histogram.counts.sum()
    splats.set_state(run(remedied(splats, keys)))
    left = {finding.key for finding in run(examine(splats)) if finding.fix}
    assert not left & {"non_finite", "duplicates", "dead"} and not recwarn.list
