"""When what is drawn, with a frame that only counts and a clock that we turn."""

from __future__ import annotations

from dataclasses import dataclass, field

from assets.scene import Scene
from renderers.renderer import Quality
from viewer.drawing import STILL_SECONDS, Drawing


@dataclass
class Frame:
    """Pictures take `steps` steps; a scene takes `uploads` syncs."""

    steps: int = 3
    uploads: int = 0
    refining: bool = True
    haunted: bool = False
    begun: list[Quality] = field(default_factory=list)
    ghosts: int = 0
    left: int = 0

    def sync(self, scene: Scene, seconds: float) -> bool:
        self.uploads = max(0, self.uploads - 1)
        return self.uploads == 0

    def refines(self, scene: Scene) -> bool:
        return self.refining

    def begin(self, scene: Scene, camera: object, settings: object, quality: Quality) -> None:
        self.begun.append(quality)
        self.left = self.steps

    def lacks_ghost(self, scene: Scene, camera: object, settings: object) -> bool:
        return self.haunted and self.ghosts == 0

    def begin_ghost(self, scene: Scene, camera: object, settings: object) -> None:
        self.ghosts += 1
        self.left = self.steps

    def step(self, seconds: float) -> bool:
        self.left -= 1
        return self.left <= 0


class Budget:
    quality = Quality(0.5, 0.25)

    def __init__(self) -> None:
        self.observed: list[float] = []

    def observe(self, milliseconds: float) -> None:
        self.observed.append(milliseconds)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def make(**frame: object) -> tuple[Drawing, Frame, Budget, Clock]:
    counted, budget, clock = Frame(**frame), Budget(), Clock()
    return Drawing(counted, Scene(), budget, clock), counted, budget, clock


def drive(drawing: Drawing, clock: Clock, most: int = 100) -> int:
    """Ticks until nothing more is wanted; the number of fresh pictures."""
    fresh = 0
    for _ in range(most):
        tick = drawing.tick(None, None)
        fresh += tick.fresh
        if tick.again is None:
            return fresh
        clock.now += max(tick.again, 0.001)
    raise AssertionError("it never rests")


def test_rest_draws_full_then_refined_then_nothing() -> None:
    drawing, frame, _, clock = make()
    assert drive(drawing, clock) == 2
    assert [quality.samples for quality in frame.begun] == [1, 8]
    assert drawing.complete and drawing.shown_full
    assert drawing.tick(None, None).again is None and len(frame.begun) == 2


def test_nothing_to_refine_ends_with_full() -> None:
    drawing, frame, _, clock = make(refining=False)
    assert drive(drawing, clock) == 1 and frame.begun == [Quality()]


def test_a_ghost_follows_the_full_picture_at_rest() -> None:
    drawing, frame, budget, clock = make(haunted=True)
    drawing.move()
    while not drawing.tick(None, None).fresh:
        pass
    assert frame.ghosts == 0 and frame.begun == [Budget.quality]
    clock.now += STILL_SECONDS
    drive(drawing, clock)
    assert frame.ghosts == 1 and [quality.samples for quality in frame.begun] == [1, 1, 8]
    assert len(budget.observed) == 1 and drawing.complete


def test_movement_drops_a_ghost_in_the_making() -> None:
    drawing, frame, _, _clock = make(haunted=True)
    while frame.ghosts == 0:
        drawing.tick(None, None)
    drawing.move()
    drawing.tick(None, None)
    assert frame.begun[-1] == Budget.quality
    assert not drawing.complete


def test_moving_draws_less_and_tells_the_budget() -> None:
    drawing, frame, budget, clock = make(steps=1)
    drive(drawing, clock)
    frame.begun.clear()
    drawing.move()
    assert drawing.tick(None, None).fresh
    assert frame.begun == [Budget.quality] and len(budget.observed) == 1
    assert not drawing.shown_full and not drawing.complete
    waiting = drawing.tick(None, None)
    assert not waiting.fresh and 0 < waiting.again <= STILL_SECONDS
    clock.now += STILL_SECONDS
    drive(drawing, clock)
    assert frame.begun[1:] == [Quality(), Quality(samples=8)]


def test_movement_drops_a_full_picture_but_not_a_moving_one() -> None:
    drawing, frame, _, clock = make(steps=4)
    drawing.tick(None, None)
    assert frame.begun == [Quality()]
    drawing.move()
    drawing.tick(None, None)
    assert frame.begun[-1] == Budget.quality
    shown = False
    for _ in range(20):
        drawing.move()
        clock.now += 0.01
        shown |= drawing.tick(None, None).fresh
    assert shown, "constant movement must not keep every picture from being finished"


def test_uploads_in_slices_with_less_until_all_is_there() -> None:
    drawing, frame, _, clock = make(uploads=5, steps=1)
    for _ in range(4):
        assert drawing.tick(None, None).again == 0.0
    assert all(quality == Budget.quality for quality in frame.begun)
    drive(drawing, clock)
    assert frame.begun[-1].samples == 8 and drawing.complete
    drawing.reload()
    assert not drawing.complete
    drive(drawing, clock)
    assert drawing.complete


def test_frames_that_follow_each_other_are_seen() -> None:
    drawing, frame, _, clock = make(steps=4)
    drive(drawing, clock)
    synced, shown = [], 0
    frame.sync = lambda *_: synced.append(frame.left) or True
    for _ in range(40):
        drawing.reload()
        clock.now += 0.01
        shown += drawing.tick(None, None).fresh
    assert shown >= 5, "a slider of frames must not keep every picture from being finished"
    assert 5 <= len(synced) <= 12 and max(synced) <= 0, "nothing is taken from a picture in the making"
    clock.now += STILL_SECONDS
    drive(drawing, clock)
    assert drawing.complete
