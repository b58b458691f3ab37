"""The grid lies on the ground, behind what stands on it, without shimmer; the axes widget points the right way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from OpenGL import GL

from assets.asset import UP_VECTORS
from renderers.camera import Camera
from renderers.gl.framebuffer import Framebuffer
from renderers.gl.lifetime import living
from renderers.overlay import AXES_EXTENT_PX, AXES_LENGTH_PX, AXES_MARGIN_PX, AXIS_COLORS, GRID_COLOR, Overlay
from renderers.renderer import Quality, View

BOUNDS = np.array([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]])
ABOVE = Camera.look_at((0, 6, 0.0001), (0, 0, 0), (0, 0, -1), fov_y_deg=40, width=201, height=201)
ACROSS = Camera.look_at((3, 2, 4), (0, 0, 0), fov_y_deg=45, width=160, height=120)


def grid(camera: Camera, up: str = "y", depth: float = 1.0, bounds: np.ndarray | None = BOUNDS) -> np.ndarray:
    """The grid alone over a depth buffer filled with `depth`, (H,W,4); the depth must come out as it was."""
    overlay = Overlay()
    target = Framebuffer((camera.width, camera.height))
    near, far = 0.01, 200.0
    view = View(camera, camera.view_matrix(), camera.projection_matrix(near, far), near, far, Quality(), 0, target.id)
    target.bind()
    GL.glDepthMask(True)
    GL.glDepthFunc(GL.GL_LEQUAL)
    GL.glClearColor(0, 0, 0, 0)
    GL.glClearDepth(depth)
    GL.glClear(GL.GL_COLOR_BUFFER_BIT | GL.GL_DEPTH_BUFFER_BIT)
    overlay.draw_grid(view, up, bounds)
    seen = target.read_color().copy()
    assert (target.read_depth() == np.float32(depth)).all()
    GL.glClearDepth(1.0)
    GL.glDepthMask(True)
    target.delete()
    overlay.dispose()
    return seen


def project(camera: Camera, point: np.ndarray) -> tuple[float, float]:
    """Pixel position of a world point for a perspective camera."""
    x, y, z, _ = camera.view_matrix() @ [*point, 1.0]
    return camera.cx - camera.fx * x / z, camera.cy + camera.fy * y / z


def test_lines_lie_at_powers_of_ten(gl) -> None:
    """From 6 units above, the finest spacing is 0.1 and each whole unit stands out."""
    alpha = grid(ABOVE)[..., 3]
    row = alpha[int(project(ABOVE, (0, 0, 0.5))[1]) + 3]
    columns = [int(project(ABOVE, (unit, 0, 0))[0]) for unit in (-1, 1)]
    between = [int(project(ABOVE, (unit, 0, 0))[0]) for unit in (-0.55, 0.45)]
    for column in columns:
        assert row[column - 1 : column + 2].max() > 1.5 * max(row[place] for place in between)
    # A hundred times farther away the same picture holds for units a hundred times larger.
    far = Camera.look_at((0, 600, 0.01), (0, 0, 0), (0, 0, -1), fov_y_deg=40, width=201, height=201)
    np.testing.assert_allclose(grid(replace(far), bounds=100 * BOUNDS)[..., 3], alpha, atol=0.02)


@pytest.mark.parametrize(("up", "first", "second"), [("y", 0, 2), ("z", 0, 1), ("-y", 0, 2), ("-z", 0, 1)])
def test_axis_lines_have_the_colour_of_their_axis(gl, up: str, first: int, second: int) -> None:
    eye = 5.0 * np.array(UP_VECTORS[up]) + np.eye(3)[first] * 1.5 + np.eye(3)[second] * 2.5
    camera = Camera.look_at(eye, (0, 0, 0), UP_VECTORS[up], width=160, height=120)
    seen = grid(camera, up)
    for axis in (first, second):
        x, y = project(camera, 0.35 * np.eye(3)[axis])
        patch = seen[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2].reshape(-1, 4)
        strongest = patch[patch[:, 3].argmax()]
        tint, grey = strongest[:3] / strongest[3] - GRID_COLOR, np.array(AXIS_COLORS[axis]) - GRID_COLOR
        assert tint @ grey / np.linalg.norm(tint) / np.linalg.norm(grey) > 0.95
        assert strongest[3] > 0.5


def test_the_plane_is_where_rays_meet_the_ground(gl) -> None:
    """Nothing above the horizon, in perspective and beside the middle; all over in an orthographic view."""
    level = Camera.look_at((0, 1, 5), (0, 1, 0), width=160, height=120)
    for camera in (level, replace(level, cy=30.0)):
        alpha = grid(camera)[..., 3]
        horizon = int(camera.cy)
        assert (alpha[:horizon] == 0).all() and alpha[horizon:].max() > 0.3
    ortho = grid(replace(ACROSS, ortho_height=3.0))
    assert (ortho[..., 3] > 0.02).any(1).mean() > 0.9
    x, y = 80 + 3.0 / 120, 60.0
    assert ortho[int(y), int(x), 3] > 0.5  # the origin, where the axes cross


@pytest.mark.parametrize("camera", [ACROSS, replace(ACROSS, ortho_height=5.0)], ids=["perspective", "orthographic"])
def test_what_stands_in_front_hides_the_grid(gl, camera: Camera) -> None:
    open_sky, hidden = grid(camera), grid(camera, depth=0.0)
    assert (open_sky[..., 3] > 0).mean() > 0.2 and (hidden[..., 3] == 0).all()
    middle = camera.projection_matrix(0.01, 200.0) @ camera.view_matrix() @ [0, 0, 0, 1]
    depth = 0.5 * middle[2] / middle[3] + 0.5
    halfway = grid(camera, depth=float(depth))[..., 3] > 0
    shown = open_sky[..., 3] > 0
    # In the lower half of the picture the ground is nearer than the origin, in the upper half farther.
    assert (halfway[66:] == shown[66:]).all() and not halfway[:54].any()


def test_no_moire_at_grazing_angles(gl) -> None:
    """One sample per pixel is near the average of sixteen."""
    camera = Camera.look_at((2.0, 0.35, 5.0), (0, 0.2, 0), width=240, height=160)
    once = grid(camera)
    offsets = (np.arange(4) - 1.5) / 4
    average = np.mean([grid(camera.shifted(dx, dy)) for dx in offsets for dy in offsets], 0)
    assert once[..., 3].max() > 0.3
    assert np.sqrt(np.mean((once - average) ** 2)) < 0.03
    # Aliasing would leave a blotchy brightness: sums over blocks stay those of the average.
    blocks = [picture[..., 3].reshape(20, 8, 30, 8).mean((1, 3)) for picture in (once, average)]
    assert np.abs(blocks[0] - blocks[1]).max() < 0.03


def axes(camera: Camera, up: str = "y", ratio: float = 1.0, size: tuple[int, int] = (160, 120)) -> np.ndarray:
    """The widget alone, (H,W,4)."""
    overlay = Overlay()
    target = Framebuffer(size, (GL.GL_RGBA8,), depth=False)
    target.bind()
    GL.glClearColor(0, 0, 0, 0)
    GL.glClear(GL.GL_COLOR_BUFFER_BIT)
    overlay.draw_axes(target.id, *size, camera, up, ratio)
    seen = target.read_color().copy()
    target.delete()
    overlay.dispose()
    return seen


def centre(ratio: float, size: tuple[int, int]) -> np.ndarray:
    """Where the widget's middle is, pixels from the top left."""
    offset = (AXES_MARGIN_PX + AXES_EXTENT_PX) * ratio
    return np.array([offset, size[1] - offset])


@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0])
def test_each_axis_points_where_it_points_in_the_picture(gl, ratio: float) -> None:
    size = (int(160 * ratio), int(120 * ratio))
    camera = Camera.look_at((3, 2, 4), (0, 0, 0))
    seen = axes(camera, ratio=ratio, size=size)
    for axis in range(3):
        direction = camera.camera_to_world[:3, :3].T[:, axis]
        # Beside the letter, inside the ball, and on the line.
        for reach, aside in ((AXES_LENGTH_PX, 6.0), (0.45 * AXES_LENGTH_PX, 0.0)):
            along = direction[:2] / np.linalg.norm(direction[:2])
            place = direction[:2] * reach + aside * np.array([-along[1], along[0]])
            x, y = centre(ratio, size) + place * ratio * (1, -1)
            color = seen[int(y), int(x)]
            np.testing.assert_allclose(color[:3] / color[3], AXIS_COLORS[axis], atol=0.05)
    assert (seen[: size[1] - int(102 * ratio)] == 0).all() and (seen[:, int(102 * ratio) :] == 0).all()


def test_the_widget_is_the_same_at_twice_the_pixels(gl) -> None:
    camera = Camera.look_at((3, 2, 4), (0, 0, 0))
    large = axes(camera, ratio=2.0, size=(320, 240)).reshape(120, 2, 160, 2, 4).mean((1, 3))
    assert np.abs(large - axes(camera)).mean() < 0.003


def test_the_axis_towards_the_viewer_is_in_front(gl) -> None:
    for axis, eye in enumerate(((5, 0, 0), (0, 5, 0), (0, 0, 5))):
        camera = Camera.look_at(eye, (0, 0, 0), (0.3, 0.5, 0.7))
        x, y = centre(1.0, (160, 120)) + (0.0, 6.2)
        color = axes(camera)[int(y), int(x)]
        np.testing.assert_allclose(color[:3] / color[3], AXIS_COLORS[axis], atol=0.05)


def test_the_up_axis_is_ringed(gl) -> None:
    camera = Camera.look_at((3, 2, 4), (0, 0, 0))
    for up in ("y", "z", "-y", "-z"):
        seen = axes(camera, up)
        ring = np.argwhere(seen[..., :3].min(-1) > 0.7 * np.maximum(seen[..., 3], 0.3)).mean(0)[::-1] + 0.5
        axis = camera.camera_to_world[:3, :3].T @ UP_VECTORS[up]
        np.testing.assert_allclose(ring, centre(1.0, (160, 120)) + AXES_LENGTH_PX * axis[:2] * (1, -1), atol=1.5)


def test_everything_is_freed(gl) -> None:
    before = {name: count for name, count in living.items() if count}
    grid(ACROSS, bounds=None)
    axes(ACROSS)
    assert {name: count for name, count in living.items() if count} == before
