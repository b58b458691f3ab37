"""The splat asset itself: what is drawn of the stored values, and the order of visibility."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.errors import BadInput
from assets.progress import run
from assets.splats.sorting import ascending
from tests.assets.splat_files import random_splats


@given(st.lists(st.floats(width=32, allow_nan=False), max_size=50))
def test_ascending_is_a_stable_argsort(values: list[float]) -> None:
    # −0 and 0 are equal but differ in bits; the sign of zero does not matter to anyone who orders by it.
    array = np.array(values, np.float32) + np.float32(0)
    np.testing.assert_array_equal(ascending(array), np.argsort(array, kind="stable"))


def test_facts_and_counts() -> None:
    splats = random_splats(10, 2)
    assert splats.counts() == {"splats": 10}
    assert splats.sh_degree == 2 and splats.facts()["SH degree"] == "2"
    assert splats.nbytes == 10 * 4 * (3 + 3 + 4 + 1 + 27)


def test_bounds_follow_when_an_edit_replaces_the_means() -> None:
    splats = random_splats(10)
    np.testing.assert_array_equal(splats.local_bounds(), [splats.means.min(0), splats.means.max(0)])
    splats.means = splats.means + np.float32(5)
    np.testing.assert_array_equal(splats.local_bounds(), [splats.means.min(0), splats.means.max(0)])
    splats.local_bounds()[:] = 0
    assert splats.local_bounds()[1, 0] > 0
    assert random_splats(0).local_bounds() is None


def test_a_3d_filter_widens_and_fades() -> None:
    splats = random_splats(100)
    splats.extra["filter_3D"] = np.linspace(0, 0.2, 100, dtype=np.float32)
    stored = splats.log_scales.copy()
    scales, opacities = splats.drawn(slice(None))
    plain = np.exp(stored.astype(np.float64))
    alpha = 1 / (1 + np.exp(-splats.logit_opacities.astype(np.float64)))
    wide = np.sqrt(plain**2 + np.linspace(0, 0.2, 100)[:, None] ** 2)
    np.testing.assert_allclose(scales, wide, rtol=1e-5)
    np.testing.assert_allclose(opacities, alpha * np.sqrt((plain**2).prod(1) / (wide**2).prod(1)), rtol=1e-5)
    np.testing.assert_array_equal(splats.log_scales, stored)


def test_surfels_are_drawn_without_thickness() -> None:
    scales, _ = random_splats(10, flat=True).drawn(slice(2, 5))
    assert scales.shape == (3, 3) and not scales[:, 2].any()


def test_damaged_values_are_clamped_when_drawn() -> None:
    splats = random_splats(3)
    splats.log_scales[0], splats.logit_opacities[0] = 1e30, -1e30
    scales, opacities = splats.drawn(slice(None))
    assert np.isfinite(scales).all() and opacities[0] == 0


def test_preparation_gives_an_order_once_and_says_so() -> None:
    splats, heard = random_splats(1000), []
    splats.changed.connect(lambda asset, part: heard.append(part))
    run(splats.preparation(), on_partial=splats.accept)
    assert sorted(splats.order) == list(range(1000))
    assert heard == ["prepared"]
    assert splats.preparation() is None
    assert random_splats(0).preparation() is None


def test_a_first_part_of_the_order_covers_each_surface_by_its_area() -> None:
    splats = random_splats(20000)
    few, many = slice(0, 4000), slice(4000, 20000)
    splats.logit_opacities[:] = 3
    splats.log_scales[few], splats.log_scales[many] = np.log(0.02), np.log(0.01)
    splats.logit_opacities[:100] = -9
    order = run(splats.by_visibility())
    first = order[:1000]
    # 3900 large splats and 16000 of a quarter of their area: 3900 : 4000 are the odds.
    assert 0.42 < (first < 4000).mean() < 0.56
    assert set(order[-100:]) == set(range(100))


def test_it_is_copied_and_pickled_with_its_order() -> None:
    splats = random_splats(10)
    run(splats.preparation(), on_partial=splats.accept)
    for twin in (copy.deepcopy(splats), pickle.loads(pickle.dumps(splats))):
        np.testing.assert_array_equal(twin.order, splats.order)
        np.testing.assert_array_equal(twin.sh, splats.sh)


def test_display_values_have_domains() -> None:
    splats = random_splats(1)
    with pytest.raises(BadInput):
        splats.set_display("sh_degree", 4)
    with pytest.raises(BadInput):
        splats.set_display("mode", "wireframe")
    splats.set_display("mode", "centres")


def test_a_few_that_lie_far_away_do_not_make_the_others_a_dot() -> None:
    splats = random_splats(3000)
    usual = splats.bounds()
    np.testing.assert_array_equal(splats.seen_bounds(), usual)
    splats.means = splats.means.copy()
    splats.means[[5, 6]] = (1e30, 0, 0), (0, -500, 0)
    assert splats.bounds()[1, 0] > 9e29
    seen = splats.seen_bounds()
    assert (seen[0] > usual[0] - 0.5).all() and (seen[1] < usual[1] + 0.5).all()
    lone = random_splats(1)
    np.testing.assert_array_equal(lone.seen_bounds(), lone.bounds())
