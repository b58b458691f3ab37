"""The radius of splats in the picture: as the projection has it, measured again where the camera rests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assets.formats import save_path
from assets.gaussians import Gaussians
from assets.progress import run
from renderers.camera import Camera
from renderers.splats.projection import diagonal_of, project, radii
from tests.assets.splat_files import random_splats
from tests.viewer.conftest import opened, wait_settled, wait_until
from viewer.panels.histogram import HistogramPanel
from viewer.view_radius import KEY
from viewer.window import MainWindow


def test_radii_are_those_of_a_round_splat_and_of_what_is_drawn() -> None:
    splats = random_splats(200, 0)
    splats.logit_opacities[:] = 4.0
    splats.log_scales[0], splats.means[0] = np.log(0.1), (0, 0, 0)
    splats.means[1] = (0, 0, 9)
    camera = Camera.look_at((0, 0, 5), (0, 0, 0), (0, 1, 0), 45.0, 400, 300)
    rows = np.arange(len(splats))
    found = radii(splats, rows, camera)
    # σ at the middle of the picture is f·σ/z, with 0.3 px² of dilation.
    np.testing.assert_allclose(found[0], 3 * np.sqrt((camera.fx * 0.1 / 5) ** 2 + 0.3 + 0.1), rtol=2e-3)
    assert np.isnan(found[1]), "it is behind the camera"
    drawn = project(splats, rows, camera, diagonal_of(splats))
    assert set(drawn.rows) <= set(np.flatnonzero(np.isfinite(found)))
    np.testing.assert_allclose(found[30:60], radii(splats, rows[30:60], camera))


def with_histogram(window: MainWindow, tmp_path: Path) -> tuple[Gaussians, HistogramPanel]:
    """300 splats in the window, and their histogram."""
    path = tmp_path / "a.ply"
    run(save_path(random_splats(300, 0), path))
    (asset,) = opened(window, path)
    panel = window.panel("histogram")
    wait_until(lambda: panel.histogram is not None and panel.complete)
    return asset, panel


def test_it_is_measured_again_where_the_camera_rests(window: MainWindow, tmp_path: Path) -> None:
    asset, panel = with_histogram(window, tmp_path)
    panel.show_attribute(KEY)
    wait_until(lambda: panel.complete)
    near = panel._values.copy()
    low = float(np.log10(np.nanmedian(near)))
    panel.plot.show_range(low, 9.0)
    panel.plot.ranged.emit()
    wait_until(lambda: panel.complete)
    lit = np.count_nonzero(asset.lit())
    assert 100 <= lit <= 200
    wide, high = window.viewport.pixel_size
    window.navigator.zoom(4.0, wide / 2, high / 2, wide, high)
    wait_settled(window)
    wait_until(lambda: panel.complete and not np.array_equal(panel._values, near, equal_nan=True))
    wait_settled(window)
    assert np.isfinite(panel._values).any()
    assert np.count_nonzero(asset.lit()) != lit, "the range stays, so others are lit"


def test_lights_go_out_with_the_panel(window: MainWindow, tmp_path: Path) -> None:
    asset, _ = with_histogram(window, tmp_path)
    asset.set_highlight(np.ones(300, bool))
    window.panel("doctor")
    wait_settled(window)
    assert asset.lit() is not None, "behind another tab it is still there"
    window.panel("histogram")
    window.docks["histogram"].close()
    wait_until(lambda: asset.lit() is None)


def test_numbers_along_a_logarithmic_axis_are_round(window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "a.ply"
    run(save_path(random_splats(300, 0), path))
    opened(window, path)
    panel = window.panel("histogram")
    wait_until(lambda: panel.histogram is not None and panel.complete)
    axis = panel.plot.getAxis("bottom")
    panel.show_attribute("largest")
    wait_until(lambda: panel.complete)
    for low, high in ((-2.3, 0.4), (-0.2, 1.1), (-9.0, 3.0)):
        places = [place for _, found in axis.tickValues(low, high, 700) for place in found]
        texts = axis.tickStrings(places, 1.0, 1.0)
        assert 3 <= len(texts) <= 12 and all(text.strip("0.")[0] in "125" for text in texts), texts
