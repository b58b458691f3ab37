"""What splats are drawn as: modes against the exact renderer where it draws them, and by hand where it doesn't."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assets.errors import BadInput
from assets.gaussians import MODES, Gaussians
from assets.progress import run
from assets.splats import quaternions
from renderers.camera import Camera
from renderers.reference.gaussians import render
from renderers.renderer import Quality
from renderers.splats.shapes import HEAT, HEAT_ALPHA
from tests.assets.splat_files import random_splats
from tests.renderers.splat_pictures import picture, psnr

CAMERA = Camera.look_at((1.5, 1.0, 3.0), (0, 0, 0), width=96, height=64)
CAMERAS = {
    "perspective": CAMERA,
    "off-centre": CAMERA.cropped(12, -6, 90, 50),
    "orthographic": replace(CAMERA, ortho_height=2.4),
}


def splats_in(mode: str, flat: bool = False, count: int = 300) -> Gaussians:
    splats = random_splats(count, 1, flat)
    splats.transform = np.array([[0.8, 0.4, 0, 0.2], [0, 1.1, 0, 0], [0.3, 0, 0.6, -0.1], [0, 0, 0, 1.0]])
    splats.set_display("mode", mode)
    return splats


@pytest.mark.parametrize("flat", [False, True], ids=["splats", "surfels"])
@pytest.mark.parametrize("mode", ["depth", "normal", "opacity", "rings"])
def test_modes_agree_with_the_exact_renderer(drawn, mode: str, flat: bool) -> None:
    for camera in (CAMERAS["perspective"], CAMERAS["orthographic"]):
        splats = splats_in(mode, flat)
        exact, shown = run(render(splats, camera))[0], picture(drawn(splats), camera)
        assert exact[..., 3].max() > 0.3
        # Rings have hard edges: a pixel may fall on either side.
        assert (np.abs(shown - exact).max(2) > 0.03).mean() < (0.01 if mode == "rings" else 1e-3)


@pytest.mark.parametrize("mode", ["ellipsoids", "overdraw"])
def test_what_is_no_picture_of_a_trainer_has_no_exact_one(mode: str) -> None:
    with pytest.raises(BadInput, match=mode):
        run(render(splats_in(mode), CAMERA))


def test_normals_are_those_of_the_shortest_axis(drawn) -> None:
    splats = random_splats(1, 0)
    splats.means[:], splats.rotations[:], splats.logit_opacities[:] = 0, (np.cos(0.2), np.sin(0.2), 0, 0), 8.0
    splats.log_scales[:] = np.log([[0.5, 0.5, 0.05]])
    splats.set_display("mode", "normal")
    camera = Camera.look_at((0, 0, 3), (0, 0, 0), width=33, height=33)
    shown = picture(drawn(splats), camera)[16, 16]
    normal = np.array([0, -np.sin(0.4), np.cos(0.4)])
    np.testing.assert_allclose(shown[:3] / shown[3], 0.5 + 0.5 * normal, atol=5e-3)


def solids(splats: Gaussians, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Which splat is met first at each pixel (H,W), −1 for none, and at what distance along the viewing axis."""
    origins, directions = camera.rays()
    place, turn = splats.transform[:3, 3], splats.transform[:3, :3]
    first, nearest = np.full((camera.height, camera.width), -1), np.full((camera.height, camera.width), np.inf)
    axes = quaternions.to_matrices(splats.rotations) * (splats.drawn(slice(None))[0] * splats.display.extent)[:, None]
    forward = -camera.camera_to_world[:3, 2]
    for row in np.flatnonzero(splats.drawn(slice(None))[1] >= 1 / 255):
        inverse = np.linalg.inv(turn @ axes[row])
        o = (origins - turn @ splats.means[row] - place) @ inverse.T
        d = directions @ inverse.T
        a, b, c = (d * d).sum(-1), (o * d).sum(-1), (o * o).sum(-1) - 1
        square = b * b - a * c
        with np.errstate(invalid="ignore"):
            depth = (-b - np.sqrt(square)) / a * (directions @ forward)
        closer = (square > 0) & (depth > 0.01) & (depth < nearest)
        first[closer], nearest[closer] = row, depth[closer]
    return first, nearest


@pytest.mark.parametrize("name", CAMERAS)
def test_ellipsoids_are_where_rays_meet_them(drawn, name: str) -> None:
    splats, camera = splats_in("ellipsoids", count=80), CAMERAS[name]
    splats.set_display("extent", 1.5)
    splats.sh[:] = 0
    splats.sh[:, 0] = np.random.default_rng(2).uniform(-1.7, 1.7, (80, 3))
    shown, (first, nearest) = picture(drawn(splats), camera), solids(splats, camera)
    assert 0.2 < (first >= 0).mean() < 0.95
    assert ((shown[..., 3] > 0.5) != (first >= 0)).mean() < 0.004
    # Shading keeps the proportions of a colour, which tell one ellipsoid from another.
    colors = np.where(first[..., None] >= 0, 0.5 + 0.28209479 * splats.sh[first, 0], 0)
    both = (first >= 0) & (shown[..., 3] > 0.5)
    seen, wanted = (array[both][:, :3] for array in (shown, colors))
    seen, wanted = (array / np.linalg.norm(array, axis=1, keepdims=True) for array in (seen, wanted))
    assert ((seen * wanted).sum(1) < 0.999).mean() < 0.01
    if camera.ortho_height is not None:
        return
    # They are hidden by a wall in the middle of what there is.
    wall = np.full(first.shape, float(np.median(nearest[np.isfinite(nearest)])))
    front = picture(drawn(splats), camera, opaque=wall)[..., 3] > 0.5
    assert (front != (nearest < wall)).mean() < 0.01


def test_surfels_and_discs_are_thin_solids(drawn) -> None:
    disc = splats_in("ellipsoids")
    disc.log_scales[:, 0] = -9
    for splats in (splats_in("ellipsoids", flat=True), disc):
        shown = picture(drawn(splats), CAMERA)
        assert np.isfinite(shown).all() and (shown[..., 3] > 0.5).mean() > 0.02


def test_overdraw_counts_what_is_blended(drawn) -> None:
    splats = random_splats(5, 0)
    splats.means[:], splats.log_scales[:], splats.logit_opacities[:] = 0, -1.0, 2.0
    splats.set_display("mode", "overdraw")
    shown = picture(drawn(splats), CAMERA)[32, 48]
    np.testing.assert_allclose(shown[:3], 5 * np.array(HEAT), rtol=2e-2)
    assert shown[3] == pytest.approx(1 - (1 - HEAT_ALPHA) ** 5, abs=1e-3)


def test_solids_and_outlines_do_not_grow_while_moving(drawn) -> None:
    splats = splats_in("ellipsoids")
    renderer = drawn(splats)
    few = picture(renderer, CAMERA, Quality(detail=0.2))
    first = Gaussians("first", *(getattr(splats, name)[:60] for name in splats.data_fields[:5]))
    first.transform, first.display = splats.transform, splats.display
    np.testing.assert_array_equal(few, picture(drawn(first), CAMERA))


def test_every_mode_is_drawn_and_leaves_the_state_of_a_frame(drawn) -> None:
    splats = random_splats(300)
    renderer = drawn(splats)
    before, pictures = picture(renderer, CAMERA), {}
    for mode in MODES:
        splats.set_display("mode", mode)
        pictures[mode] = picture(renderer, CAMERA)
    splats.set_display("mode", "colour")
    np.testing.assert_array_equal(picture(renderer, CAMERA), before)
    names = list(pictures)
    for index, name in enumerate(names):
        for other in names[index + 1 :]:
            assert psnr(pictures[name], pictures[other]) < 30


def test_settings_that_do_nothing_are_left_out() -> None:
    splats, plain = random_splats(3, 2), random_splats(3, 0)
    assert "sh_degree" in names_of(splats) and "sh_degree" not in names_of(plain)
    assert "extent" not in names_of(splats)
    splats.set_display("mode", "rings")
    assert {"extent", "sh_degree"} <= names_of(splats)
    splats.set_display("mode", "normal")
    assert not {"extent", "sh_degree"} & names_of(splats)


def names_of(splats: Gaussians) -> set[str]:
    return {entry.name for entry in splats.settings()}
