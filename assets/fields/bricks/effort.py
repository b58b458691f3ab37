"""What decoding bricks costs: measured while those of one level are decoded, to tell what the next would take."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .grid import BRICK

POINTS = 1.15 * BRICK**3 * 7 / 8
"""Points that are asked for a brick: some of its sides belong to no other, and an eighth is known from the level
before."""

Asked = list[tuple[int, float]]


@dataclass
class Effort:
    """shapes, colors: points, and the seconds that they took a thread.

    cuda: whether a GPU answers, of which the time that passes counts; else it is the time that the threads had a core,
    which does not hang on what else runs.
    """

    cuda: bool = False
    shapes: Asked = field(default_factory=list)
    colors: Asked = field(default_factory=list)

    @contextmanager
    def noted(self, asked: Asked, points: int) -> Iterator[None]:
        """Notes what its block takes, which asks for so many `points`."""
        now = clock.perf_counter if self.cuda else clock.thread_time
        begun = now()
        yield
        # Threads do this at the same time; adding to a list is one step.
        asked.append((points, now() - begun))

    def seconds(self, bricks: int, seen: int) -> float:
        """What so many `bricks` of the next level would take one thread. seen: bricks of this one in which something
        shows, whose colours were asked."""
        colored = sum(points for points, _ in self.colors) / max(seen, 1)
        return bricks * (POINTS * _each(self.shapes) + colored * _each(self.colors))


def _each(asked: Asked) -> float:
    points = sum(points for points, _ in asked)
    return sum(seconds for _, seconds in asked) / points if points else 0.0
