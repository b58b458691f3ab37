"""Splats painted tile by tile on the processor: the formula, the same picture as quads, and nothing from damage."""

from __future__ import annotations

import numpy as np
import pytest

from renderers.camera import Camera
from renderers.gaussians import GaussiansRenderer
from renderers.gl.context import capabilities
from renderers.gl.lifetime import living
from renderers.splats import tiles
from renderers.splats.tiles import TilePicture
from tests.assets.splat_files import random_splats
from tests.renderers.splat_pictures import picture, psnr, ready
from tests.renderers.warps import bend, rig_of, warp_of

CAMERA = Camera.look_at((0.6, 0.5, 1.4), (0, 0, 0), width=150, height=90)
WIDTH, HEIGHT = 75, 50


@pytest.fixture
def in_software(gl) -> None:
    if not capabilities().software:
        pytest.skip("a card draws quads")


def random_records(count: int, seed: int = 0) -> np.ndarray:
    """Records (n,12) as gaussian_project.glsl leaves them, some beyond the edges of the picture."""
    random = np.random.default_rng(seed)
    turn, reach = random.uniform(0, np.pi, count), random.uniform(0.5, 3.3, count)
    major, minor = random.uniform(0.4, 30, count), random.uniform(0.4, 6, count)
    half = np.array([WIDTH, HEIGHT]) / 2
    along, across = np.stack([np.cos(turn), np.sin(turn)], 1), np.stack([-np.sin(turn), np.cos(turn)], 1)
    records = np.zeros((count, 12))
    records[:, :2], records[:, 2] = random.uniform(-1.2, 1.2, (count, 2)), np.linspace(1, -1, count)
    records[:, 3] = reach
    records[:, 4:6], records[:, 6:8] = along * major[:, None] / half, across * minor[:, None] / half
    records[:, 8:11], records[:, 11] = random.uniform(0, 1.5, (count, 3)), np.exp(reach**2 / 2) / 255
    return records.astype(np.float32)


def painted(records: np.ndarray, pieces: int = 1, depth: np.ndarray | None = None) -> np.ndarray:
    made = TilePicture(WIDTH, HEIGHT, depth)
    for piece in np.array_split(records, pieces)[::-1]:
        for _ in made.add(np.ascontiguousarray(piece)):
            pass
    planes = made.finished()
    return np.stack([*planes[:3], 1 - planes[3]], 2)


def blended(records: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """The same by the formula, back to front: α = min(0.99, o·exp(−d²/2)) where that is 1/255 at least."""
    made = np.zeros((HEIGHT, WIDTH, 4))
    x, y = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    for record in records.astype(np.float64):
        middle = (record[:2] + 1) / 2 * (WIDTH, HEIGHT)
        axes = record[4:8].reshape(2, 2) * (WIDTH / 2, HEIGHT / 2)
        away = np.stack([x - middle[0], y - middle[1]], -1) @ axes.T / (axes**2).sum(1) * record[3]
        alpha = np.minimum(0.99, record[11] * np.exp(-0.5 * (away**2).sum(-1)))
        alpha = np.where((alpha >= 1 / 255) & (record[2] / 2 + 0.5 <= depth), alpha, 0)[..., None]
        made = made * (1 - alpha) + alpha * np.append(record[8:11], 1)
    return made


def test_it_is_the_formula() -> None:
    depth = np.random.default_rng(1).uniform(0, 1, (HEIGHT, WIDTH)).astype(np.float32)
    for seed, seen in ((0, np.ones_like(depth)), (1, depth)):
        records = random_records(200, seed)
        away = np.abs(painted(records, depth=seen) - blended(records, seen)).max(2)
        # At the very edge of a splat, f32 and f64 differ in which pixels are 1/255 and which are nothing.
        assert (away < 3e-4).mean() > 0.995
        assert away.max() < 2 / 255


def test_pieces_make_the_same_picture() -> None:
    records = random_records(300)
    np.testing.assert_allclose(painted(records, 7), painted(records), atol=1e-6)


def test_what_is_hidden_costs_nothing_and_changes_little() -> None:
    records = random_records(4000)
    records[:, 11] = 0.98
    near = painted(records[-2000:])
    assert near[..., 3].min() > 0.9999
    assert np.abs(painted(records) - near).max() < 2e-4


def test_damage_leaves_no_mark() -> None:
    records = random_records(60)
    wanted = painted(records)
    odd = np.repeat(records[:1], 11, 0)
    odd[9, 11], odd[10, 11] = np.nan, -1
    odd[0, 0], odd[1, 1], odd[2, 4], odd[3, 3], odd[4, 5] = np.nan, np.inf, np.nan, np.nan, np.inf
    odd[5, 4:8], odd[6, 4:6], odd[7, 0], odd[8] = 0, 0, 1e30, 0
    np.testing.assert_array_equal(painted(np.concatenate([odd, records, odd])), wanted)
    # One that covers everything is one that covers everything, and a colour beyond all others is the brightest.
    records[0, 4:8], records[1, 8:11] = (1e6, 0, 0, 1e6), (np.inf, np.nan, 1e30)
    assert np.isfinite(painted(records)).all()


@pytest.mark.parametrize("middle", [(0.1, 0.2), (-60.0, -70.0), (900.0, -800.0)])
def test_a_needle_is_as_thin_far_from_its_middle(middle: tuple[float, float]) -> None:
    """Half a pixel wide and long enough to come from far outside of the picture."""
    half = np.array([WIDTH, HEIGHT]) / 2
    along = -np.array(middle) * half
    along /= np.linalg.norm(along)
    length = 1.2 * np.linalg.norm(np.array(middle) * half) + 300
    record = np.zeros((1, 12), np.float32)
    record[0, :2], record[0, 3], record[0, 8:] = middle, 3.3, (0.2, 0.5, 1.0, 0.9)
    record[0, 4:6], record[0, 6:8] = along * length / half, np.array([-along[1], along[0]]) * 1.8 / half
    wanted = blended(record, np.ones((HEIGHT, WIDTH)))
    assert 10 < np.count_nonzero(wanted[..., 3]) < 600
    assert np.abs(painted(record) - wanted).max() < 0.02


def test_splats_that_touch_too_much_come_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    records = random_records(300)
    records[::7, 4:8] *= 20
    wanted = painted(records)
    monkeypatch.setattr(tiles, "_MOST_TOUCHES", 40)
    made = TilePicture(WIDTH, HEIGHT)
    assert sum(1 for _ in made.add(records)) > 10
    np.testing.assert_array_equal(painted(records), wanted)


def test_as_wide_as_the_gl_can(in_software, renderers) -> None:
    renderer = ready(random_splats(20))
    renderers.append(renderer)
    widest = Camera.look_at((0.6, 0.5, 1.4), (0, 0, 0), width=capabilities().max_texture, height=8)
    assert picture(renderer, widest).any()


def test_no_splats_make_an_empty_picture() -> None:
    assert not painted(np.zeros((0, 12), np.float32)).any()
    assert not painted(np.zeros((5, 12), np.float32)).any()


@pytest.mark.parametrize("mode", ["colour", "depth", "normal", "opacity"])
@pytest.mark.parametrize("bent", [False, True])
def test_it_looks_like_quads(in_software, renderers: list[GaussiansRenderer], mode: str, bent: bool) -> None:
    splats = random_splats(4000, 1)
    splats.log_scales[:] -= np.float32(1.2)
    splats.log_scales[::50] += np.float32(2.0)
    splats.set_display("mode", mode)
    if bent:
        rig = rig_of(splats)
        splats.set_warp(warp_of(rig, bend(rig)))
    renderer = ready(splats)
    renderers.append(renderer)
    opaque = np.full((CAMERA.height, CAMERA.width), 1e3)
    opaque[20:50, 30:90] = 1.3
    in_tiles = picture(renderer, CAMERA, opaque=opaque)
    assert renderer._tiles.nbytes
    renderer._in_tiles = False
    as_quads = picture(renderer, CAMERA, opaque=opaque)
    # Halves round at every splat that is blended; here they are rounded once.
    assert psnr(in_tiles, as_quads) > 50
    assert in_tiles[..., 3].max() > 0.9


@pytest.mark.parametrize("mode", ["centres", "rings", "ellipsoids", "overdraw"])
def test_what_is_no_plain_ellipse_is_left_to_the_gl(in_software, renderers, mode: str) -> None:
    splats = random_splats(100)
    splats.set_display("mode", mode)
    renderer = ready(splats)
    renderers.append(renderer)
    assert picture(renderer, CAMERA).any()
    assert not renderer._tiles.nbytes


def test_everything_is_freed(in_software, gl) -> None:
    before = living.copy()
    renderer = ready(random_splats(100))
    picture(renderer, CAMERA)
    picture(renderer, CAMERA.resized(40, 30))
    assert renderer._tiles.nbytes == 40 * 4 * 128 * 4
    renderer.dispose()
    assert +living == +before
