"""How much to draw while the camera moves, so that a frame keeps to its time on any machine."""

from __future__ import annotations

from .renderer import Quality

LEAST = 0.002
SCALES = (1.0, 0.75, 0.5, 0.35, 0.25)


class Budget:
    """Follows the time that frames take and answers with a quality that should take `target_ms`.

    One number steers all: the share of the full work that is affordable. Detail is that share; the resolution falls
    more slowly, in few steps, since each change of size costs new targets and jumps in the eye.
    """

    def __init__(self, target_ms: float = 33.0) -> None:
        self.target_ms = target_ms
        self._share = 0.1

    @property
    def quality(self) -> Quality:
        """What to draw in the next frame while moving."""
        wanted = self._share**0.4
        scale = next((step for step in SCALES if step <= wanted * 1.05), SCALES[-1])
        return Quality(scale=scale, detail=self._share)

    def observe(self, milliseconds: float) -> None:
        """Tells how long the last frame of that quality took."""
        # Half the correction in the logarithm: a single slow frame (a page fault, a busy machine) moves it little.
        ratio = min(4.0, max(0.1, self.target_ms / max(milliseconds, 0.1)))
        self._share = min(1.0, max(LEAST, self._share * ratio**0.5))
