"""The marks of the drag tool: where they lie, what the hand hits, and that the pixels there have their colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from assets.deform.drag import Region
from assets.deform.drag_json import box_region, sphere_region
from assets.scene import Scene
from renderers.camera import Camera
from renderers.handle_layout import (
    BrushMark,
    DragOverlay,
    Gizmo,
    HandleMark,
    PinMark,
    brush_ring,
    cursor_lines,
    gizmo_arrows,
    hit,
    layout,
    project,
    project_lines,
    region_lines,
)
from renderers.overlay import AXIS_COLORS
from tests import small_assets

RED, BLUE, YELLOW, ACCENT, WHITE = (255, 90, 79), (79, 141, 255), (255, 200, 87), (90, 169, 255), (255, 255, 255)
GROUND = (0.5, 0.5, 0.5)

PERSPECTIVE = Camera.look_at((0.5, 0.8, 6), (0, 0, 0), width=300, height=200)
ORTHOGRAPHIC = replace(PERSPECTIVE, ortho_height=5.0)

OVERLAY = DragOverlay(
    handles=(HandleMark((-1.2, 0.5, 0), (0.9, 0.6, 0.5)), HandleMark((-0.5, -0.9, 0.2))),
    pins=(PinMark((1.2, -0.8, 0)),),
)


def pixel(picture: np.ndarray, place: np.ndarray, ratio: float = 1.0) -> tuple[int, ...]:
    """The colour at a logical place."""
    x, y = np.floor(np.asarray(place) * ratio).astype(int)
    return tuple(picture[y, x, :3].tolist())


def close(color: tuple[int, ...], wanted: tuple[int, ...], by: int = 3) -> bool:
    """Whether two colours are the same but for rounding."""
    return max(abs(a - b) for a, b in zip(color, wanted, strict=True)) <= by


@pytest.fixture
def draw(gl) -> Callable[..., np.ndarray]:
    """Draws an overlay over plain grey, or over a scene: (H,W,4) u8."""
    from renderers.frame import Frame, FrameSettings

    frame = Frame()

    def picture(overlay, camera: Camera = PERSPECTIVE, ratio: float = 1.0, scene: Scene | None = None) -> np.ndarray:
        settings = FrameSettings(background=GROUND, overlay=overlay, pixel_ratio=ratio)
        return frame.draw(scene or Scene(), camera, settings)

    picture.frame = frame
    yield picture
    frame.dispose()


# Where things lie


@pytest.mark.parametrize("camera", [PERSPECTIVE, ORTHOGRAPHIC], ids=["perspective", "orthographic"])
def test_projecting_is_the_inverse_of_unprojecting(camera: Camera) -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (50, 3))
    places, depths = project(camera, points)
    back = [camera.unproject(x, y, depth) for (x, y), depth in zip(places, depths, strict=True)]
    assert np.abs(np.array(back) - points).max() < 1e-12
    doubled, _ = project(camera.resized(600, 400), points, pixel_ratio=2.0)
    assert np.abs(doubled - places).max() < 1e-9, "logical pixels do not know of the ratio"


def test_points_behind_the_camera_lie_nowhere() -> None:
    behind = np.array([[0.5, 0.8, 6], [0.5, 0.8, 9]])
    assert np.isnan(project(PERSPECTIVE, behind)[0]).all()
    assert np.isfinite(project(ORTHOGRAPHIC, behind)[0]).all(), "an orthographic picture shows them"


def test_lines_end_where_they_pass_the_camera() -> None:
    start, inside = np.array([[0.0, 0.0, 0.0]]), np.array([[0.5, 0.3, 2.0]])
    line = project_lines(PERSPECTIVE, start, inside)[0]
    assert np.allclose(line, np.concatenate([project(PERSPECTIVE, start)[0], project(PERSPECTIVE, inside)[0]]))
    behind = np.array([[3.0, 0.0, 9.0]])
    cut = project_lines(PERSPECTIVE, start, behind)[0]
    assert np.allclose(cut[0], line[0]) and cut[1, 0] > 300 and np.isfinite(cut).all()
    # It points where a point of it lies that is still in front.
    early, _ = project(PERSPECTIVE, 0.9 * start + 0.1 * behind)
    way, expected = cut[1] - cut[0], early[0] - cut[0]
    assert way[0] * expected[1] == pytest.approx(way[1] * expected[0])
    assert np.isnan(project_lines(PERSPECTIVE, behind, behind + 1)).all()
    assert np.allclose(project_lines(PERSPECTIVE, behind, start)[0], cut[::-1])


def test_lines_far_beside_the_picture_are_cut() -> None:
    lines = project_lines(ORTHOGRAPHIC, np.array([[-1e9, 0, 0], [1e9, 1e9, 0]]), np.array([[1e9, 0, 0], [1e9, 2e9, 0]]))
    assert np.abs(lines[0]).max() <= 600 and np.isnan(lines[1]).all()


@pytest.mark.parametrize("camera", [PERSPECTIVE, ORTHOGRAPHIC], ids=["perspective", "orthographic"])
@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_a_gizmo_has_the_same_size_at_any_distance(camera: Camera, ratio: float) -> None:
    camera = camera.resized(round(300 * ratio), round(200 * ratio))
    for depth in (2.0, 6.0, 40.0):
        origin = tuple(camera.unproject(150 * ratio, 100 * ratio, depth))
        arrows = gizmo_arrows(Gizmo(origin, 60.0), camera, ratio)
        lengths = np.linalg.norm(arrows[:, 1] - (150, 100), axis=1)
        assert lengths[:2] == pytest.approx([60, 60], rel=0.1)
        assert np.isnan(arrows[2]).all(), "the third points at the eye"
        assert np.linalg.norm(arrows[:2, 0] - (150, 100), axis=1) == pytest.approx([14, 14])


def test_a_ring_lies_on_its_surface_and_a_wire_on_its_region() -> None:
    normal = np.array([1.0, 2.0, -0.5]) / np.linalg.norm([1.0, 2.0, -0.5])
    ring = brush_ring(BrushMark((1, 2, 3), 0.7, tuple(normal)), PERSPECTIVE) - (1, 2, 3)
    assert np.linalg.norm(ring, axis=1) == pytest.approx(np.full(65, 0.7)) and np.abs(ring @ normal).max() < 1e-12
    facing = brush_ring(BrushMark((0, 0, 0), 0.5), PERSPECTIVE)
    assert np.abs(facing @ PERSPECTIVE.eye).max() < 1e-12
    sphere = region_lines(sphere_region((1, 0, 0), 2.0))
    assert np.linalg.norm(sphere - (1, 0, 0), axis=2) == pytest.approx(np.full((192, 2), 2.0))
    box = region_lines(box_region((0, 0, 0), (1, 2, 3)))
    assert len(box) == 12 and sorted(np.linalg.norm(box[:, 1] - box[:, 0], axis=1)) == [1] * 4 + [2] * 4 + [3] * 4


# What the hand hits


def test_hits_name_what_lies_there() -> None:
    places = layout(OVERLAY, PERSPECTIVE)
    assert hit(OVERLAY, PERSPECTIVE, *places.handles[0]) == ("handle", 0)
    assert hit(OVERLAY, PERSPECTIVE, *places.handles[1]) == ("handle", 1)
    assert hit(OVERLAY, PERSPECTIVE, *places.targets[0]) == ("target", 0)
    assert hit(OVERLAY, PERSPECTIVE, *places.pins[0]) == ("pin", 0)
    assert np.isnan(places.targets[1]).all(), "there is no second target"
    assert hit(OVERLAY, PERSPECTIVE, 150, 190) is None
    assert hit(DragOverlay(), PERSPECTIVE, 150, 100) is None


def test_reach_counts_from_the_edge_and_the_nearest_wins() -> None:
    x, y = layout(OVERLAY, PERSPECTIVE).handles[1]
    assert hit(OVERLAY, PERSPECTIVE, x + 13, y, reach_px=8) == ("handle", 1)
    assert hit(OVERLAY, PERSPECTIVE, x + 14, y, reach_px=8) is None
    pair = DragOverlay(handles=(HandleMark((0, 0, 0)),), pins=(PinMark((0.5, 0, 0)),))
    middle = np.mean([layout(pair, PERSPECTIVE).handles[0], layout(pair, PERSPECTIVE).pins[0]], 0)
    assert hit(pair, PERSPECTIVE, middle[0] - 2, middle[1], 50) == ("handle", 0)
    assert hit(pair, PERSPECTIVE, middle[0] + 2, middle[1], 50) == ("pin", 0)


def test_where_marks_overlap_the_order_is_fixed() -> None:
    one = DragOverlay(handles=(HandleMark((0, 0, 0), (0, 0, 0)),), pins=(PinMark((0, 0, 0)),), gizmo=Gizmo((0, 0, 0)))
    x, y = layout(one, PERSPECTIVE).handles[0]
    assert hit(one, PERSPECTIVE, x, y) == ("target", 0)
    assert hit(replace(one, handles=(HandleMark((0, 0, 0)),)), PERSPECTIVE, x, y) == ("handle", 0)
    assert hit(replace(one, handles=()), PERSPECTIVE, x, y) == ("pin", 0)
    along = 0.9 * (PERSPECTIVE.eye)
    two = DragOverlay(handles=(HandleMark((0, 0, 0)), HandleMark(tuple(along))))
    assert hit(two, PERSPECTIVE, x, y) == ("handle", 1), "the one that is nearer to the eye"


def test_axes_are_hit_along_their_arrows() -> None:
    shown = DragOverlay(gizmo=Gizmo((0, 0, 0), 60.0))
    arrows = gizmo_arrows(shown.gizmo, PERSPECTIVE)
    for axis in (0, 1):
        for share in (0.0, 0.5, 1.0):
            place = arrows[axis, 0] + share * (arrows[axis, 1] - arrows[axis, 0])
            assert hit(shown, PERSPECTIVE, *place, reach_px=3) == ("axis", axis)
    assert hit(shown, PERSPECTIVE, 200, 50, reach_px=3) is None


def test_hits_are_in_logical_pixels_and_nothing_behind_is_hit() -> None:
    place = layout(OVERLAY, PERSPECTIVE).targets[0]
    assert hit(OVERLAY, PERSPECTIVE.resized(600, 400), *place, pixel_ratio=2.0) == ("target", 0)
    behind = DragOverlay((HandleMark((0.5, 0.8, 9), (0.5, 0.8, 10)),), (PinMark((0.5, 0.8, 8)),), Gizmo((0.5, 0.8, 9)))
    assert hit(behind, PERSPECTIVE, 150, 100, reach_px=1e6) is None


# What is seen


@pytest.mark.parametrize("camera", [PERSPECTIVE, ORTHOGRAPHIC], ids=["perspective", "orthographic"])
@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_marks_have_their_colours_at_their_places(draw, camera: Camera, ratio: float) -> None:
    camera = camera.resized(round(300 * ratio), round(200 * ratio))
    picture, places = draw(OVERLAY, camera, ratio), layout(OVERLAY, camera, ratio)
    assert close(pixel(picture, places.handles[0], ratio), RED)
    assert close(pixel(picture, places.handles[1], ratio), RED)
    assert close(pixel(picture, places.targets[0], ratio), BLUE)
    assert close(pixel(picture, places.pins[0], ratio), YELLOW)
    middle = 0.5 * (places.handles[0] + places.targets[0])
    assert close(pixel(picture, middle, ratio), WHITE, 60)
    assert close(pixel(picture, (150, 195), ratio), (128, 128, 128))


@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_shape_says_what_colour_says(draw, ratio: float) -> None:
    """The areas of disc, diamond and square in logical pixels, and their dark rims."""
    camera = PERSPECTIVE.resized(round(300 * ratio), round(200 * ratio))
    for overlay, color, area, around in (
        (DragOverlay(handles=(HandleMark((0, 0, 0)),)), RED, np.pi * 5.5**2, np.pi * 7**2),
        (DragOverlay(handles=(HandleMark((9, 9, 0), (0, 0, 0)),)), BLUE, 2 * 7.0**2, 2 * (7 + 1.5 * 2**0.5) ** 2),
        (DragOverlay(pins=(PinMark((0, 0, 0)),)), YELLOW, 10.0**2, 13.0**2),
    ):
        near = (slice(round(85 * ratio), round(115 * ratio)), slice(round(135 * ratio), round(165 * ratio)))
        picture = draw(overlay, camera, ratio)[(*near, slice(3))].astype(int)
        filled = (np.abs(picture - color).max(-1) < 40).sum() / ratio**2
        changed = (np.abs(picture - 128).max(-1) > 40).sum() / ratio**2
        assert filled == pytest.approx(area, rel=0.2)
        if color is not BLUE:  # its arrow comes in as well
            assert changed == pytest.approx(around, rel=0.2 / ratio), "half covered pixels count or don't"
        assert (picture.max(-1) < 60).sum() / ratio**2 > 0.5 * (around - area), "the rim is dark"


def test_the_selected_one_has_a_white_ring_and_the_hovered_one_is_lighter(draw) -> None:
    plain = draw(DragOverlay(handles=(HandleMark((0, 0, 0)),)))
    x, y = layout(DragOverlay(handles=(HandleMark((0, 0, 0)),)), PERSPECTIVE).handles[0]
    ringed = draw(DragOverlay(handles=(HandleMark((0, 0, 0), selected=True),)))
    assert close(pixel(ringed, (x, y)), RED) and close(pixel(ringed, (x + 8.5, y)), WHITE, 30)
    assert close(pixel(plain, (x + 8.5, y)), (128, 128, 128))
    lighter = draw(DragOverlay(handles=(HandleMark((0, 0, 0), hovered=True),)))
    assert sum(pixel(lighter, (x, y))) > sum(RED) + 60 and close(pixel(lighter, (x + 6, y)), pixel(lighter, (x, y)), 60)


def test_the_gizmo_has_the_colours_of_the_axes(draw) -> None:
    gizmo = Gizmo((0, 0, 0), 60.0)
    picture, arrows = draw(DragOverlay(gizmo=gizmo)), gizmo_arrows(gizmo, PERSPECTIVE)
    for axis in (0, 1):
        place = arrows[axis].mean(0)
        around = [pixel(picture, place + (dx, dy)) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
        color = tuple(round(255 * value) for value in AXIS_COLORS[axis])
        assert any(close(found, color, 12) for found in around)


@pytest.mark.parametrize("region", [sphere_region((0, 0, 0), 1.0), box_region((-1, -1, -1), (1, 1, 1))])
def test_brush_and_region_are_lines_in_their_colours(draw, region: Region) -> None:
    lines = region_lines(region)
    middles = lines.mean(1)[np.argsort(lines.mean(1)[:, 2])[-3:]]
    # The middle of a chord: a circle's line lies as near to it as a pixel.
    picture = draw(DragOverlay(region=region))
    for place in project(PERSPECTIVE, middles)[0]:
        around = [pixel(picture, place + (dx, dy)) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
        assert any(color[2] > color[0] + 40 for color in around)
    ring = brush_ring(BrushMark((0, 0, 0), 0.8), PERSPECTIVE)
    places = project(PERSPECTIVE, 0.5 * (ring[1:] + ring[:-1]))[0]
    for fixed, color in ((False, ACCENT), (True, YELLOW)):
        whole = draw(DragOverlay(brush=BrushMark((0, 0, 0), 0.8, fixed=fixed)))
        dashed = draw(DragOverlay(brush=BrushMark((0, 0, 0), 0.8, through=True, fixed=fixed)))
        on, dashes = ([close(pixel(shown, place), color, 90) for place in places] for shown in (whole, dashed))
        assert np.mean(on) > 0.95 and 0.35 < np.mean(dashes) < 0.65


def test_what_lies_behind_the_shape_is_fainter_but_seen(draw) -> None:
    scene = Scene()
    scene.add(small_assets.mesh())
    overlay = DragOverlay(pins=(PinMark((0, 0.5, 1.0)), PinMark((0, -0.5, -1.0))))
    for camera in (PERSPECTIVE, ORTHOGRAPHIC):
        bare, picture = draw(None, camera, scene=scene), draw(overlay, camera, scene=scene)
        front, behind = layout(overlay, camera).pins
        assert close(pixel(picture, front), YELLOW)
        expected = 0.45 * np.array(YELLOW) + 0.55 * np.array(pixel(bare, behind))
        assert close(pixel(picture, behind), tuple(expected), 4)


def test_the_cursor_has_lines_along_the_axes_and_fades_behind_the_shape(draw) -> None:
    scene = Scene()
    scene.add(small_assets.mesh())
    for camera in (PERSPECTIVE, ORTHOGRAPHIC):
        free = draw(DragOverlay(cursor=(0, 0.5, 1.0)), camera)
        place, lines, depth = cursor_lines((0, 0.5, 1.0), camera)
        assert depth == pytest.approx(project(camera, np.array([[0, 0.5, 1.0]]))[1][0])
        assert close(pixel(free, place[0]), WHITE)
        for axis in (0, 1):
            tip = 0.8 * lines[axis, 1] + 0.2 * lines[axis, 0]
            around = [pixel(free, tip + (dx, dy)) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
            color = tuple(round(255 * value) for value in AXIS_COLORS[axis])
            assert any(close(found, color, 25) for found in around)
        bare, behind = draw(None, camera, scene=scene), draw(DragOverlay(cursor=(0, -0.5, -1.0)), camera, scene=scene)
        place = cursor_lines((0, -0.5, -1.0), camera)[0][0]
        ground, seen = (np.array(pixel(picture, place)) for picture in (bare, behind))
        assert (seen > ground + 20).all() and (seen < 230).all()
    assert np.array_equal(draw(DragOverlay(cursor=(0.5, 0.8, 9.0))), draw(None))


def test_a_handle_at_its_target_does_not_shine_through(draw) -> None:
    scene = Scene()
    scene.add(small_assets.mesh())
    place = (0, -0.5, -1.0)
    reached, target = DragOverlay((HandleMark(place, place),)), HandleMark(place, (0, 9, 0))
    at = layout(reached, PERSPECTIVE).targets[0]
    bare, picture = draw(None, scene=scene), draw(reached, scene=scene)
    expected = 0.45 * np.array(BLUE) + 0.55 * np.array(pixel(bare, at))
    assert close(pixel(picture, at), tuple(expected), 4)
    assert not close(pixel(draw(DragOverlay((target,)), scene=scene), at), tuple(expected), 40)


def test_marks_behind_the_camera_are_not_drawn(draw) -> None:
    bare = draw(None)
    behind = DragOverlay((HandleMark((0.5, 0.8, 9), (0.5, 0.8, 10)),), (PinMark((0.5, 0.8, 8)),), Gizmo((0.5, 0.8, 9)))
    assert np.array_equal(draw(behind), bare)
    assert np.array_equal(draw(DragOverlay()), bare)
    half = draw(DragOverlay(handles=(HandleMark((0, 0, 0), (3, 0, 9)),)))
    assert close(pixel(half, layout(DragOverlay(handles=(HandleMark((0, 0, 0)),)), PERSPECTIVE).handles[0]), RED)
    assert (half[:, 200:] != bare[:, 200:]).any(), "the arrow leads out of the picture"


def test_another_overlay_needs_no_new_picture(draw) -> None:
    draw(None)
    draw.frame.show_overlay(OVERLAY)
    picture = draw.frame.read(300, 200)
    assert close(pixel(picture, layout(OVERLAY, PERSPECTIVE).pins[0]), YELLOW)
    draw.frame.show_overlay(None)
    assert np.array_equal(draw.frame.read(300, 200), draw(None))


def test_many_handles_grow_the_buffer_and_everything_is_freed(gl) -> None:
    from renderers.frame import Frame, FrameSettings
    from renderers.gl.lifetime import living

    before = +living.copy()
    frame = Frame()
    for count in (1, 50, 2000, 3):
        places = np.random.default_rng(0).uniform(-1, 1, (count, 3))
        overlay = DragOverlay(tuple(HandleMark(tuple(place), tuple(place + 0.2)) for place in places))
        drawn = frame.draw(Scene(), PERSPECTIVE, FrameSettings(background=GROUND, overlay=overlay))
        assert (np.abs(drawn[..., :3].astype(int) - 128).max(-1) > 40).any()
    frame.dispose()
    assert +living == before
