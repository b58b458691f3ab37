"""Edits of the drag tool: of what is set up and bends nothing yet, and of shapes with what was set up on them. No Qt.

`set_up(asset, drag, numbers)` is how they set that; numbers: the settings of the drag too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from assets.asset import Asset
from assets.deform.drag import Drag
from assets.edits.edit import Edit
from assets.edits.warps import WarpEdit

if TYPE_CHECKING:
    from assets.deform.warp import Warp

SetUp = Callable[[Asset, Drag, bool], None]

MARK_BYTES = 400
"""About what a handle, a pin or a touch of the brush takes as Python objects."""


class PlanEdit(Edit):
    """Other handles, pins or paint on an asset that is at rest."""

    kind: ClassVar[str] = "plan"

    def __init__(self, asset: Asset, before: Drag, after: Drag, name: str, set_up: SetUp) -> None:
        self.asset, self.before, self.after, self.name, self._set_up = asset, before, after, name, set_up

    @property
    def detail(self) -> str:
        return self.after.summary() or self.before.summary()

    def apply(self) -> None:
        self._set_up(self.asset, self.after, self._numbers)

    def revert(self) -> None:
        self._set_up(self.asset, self.before, self._numbers)

    def held(self) -> dict[int, int]:
        marks = (*self.after.handles, *self.after.pins, *self.after.dabs)
        return {id(mark): MARK_BYTES for mark in marks}

    @property
    def _numbers(self) -> bool:
        """Whether the edit changed the settings; where not, they stay as they are when it is taken back."""
        return any(
            getattr(self.before, name) != getattr(self.after, name) for name in ("falloff", "rigidity", "strength")
        )


class DragEdit(WarpEdit):
    """A shape that the hand made. asked, then: what was set up before and after it, which comes back where the asset
    goes back to rest."""

    def __init__(
        self, asset: Asset, before: Warp | None, after: Warp | None, name: str, asked: Drag, then: Drag, set_up: SetUp
    ) -> None:
        super().__init__(asset, before, after, name)
        self._asked, self._then, self._set_up = asked, then, set_up

    def apply(self) -> None:
        super().apply()
        if self.after is None:
            self._set_up(self.asset, self._then, True)

    def revert(self) -> None:
        super().revert()
        if self.before is None:
            self._set_up(self.asset, self._asked, True)
