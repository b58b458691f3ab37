"""The edit that a drag leaves behind: the warp before and after it, with its handles."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from ..asset import Asset
from ..deform.drag import Drag
from ..deform.warp import Warp
from .edit import Edit
from .holdings import warp_holdings


class WarpEdit(Edit):
    """Another warp on an asset. It keeps its drag, so that it can be opened again. Those of one gesture merge: the
    strength that is moved after the drag."""

    kind: ClassVar[str] = "warp"

    def __init__(
        self,
        asset: Asset,
        before: Warp | None,
        after: Warp | None,
        name: str = "Drag",
        gesture: Hashable | None = None,
    ) -> None:
        self.asset, self.before, self.after, self.name, self.gesture = asset, before, after, name, gesture

    @property
    def drag(self) -> Drag:
        """What the hand asked for, in the asset's frame; where it went back to rest, what it had asked for before."""
        worn = self.after if self.after is not None else self.before
        return worn.drag if worn is not None else Drag()

    @property
    def detail(self) -> str:
        return self.drag.summary()

    def apply(self) -> None:
        self.asset.set_warp(self.after)

    def revert(self) -> None:
        self.asset.set_warp(self.before)

    def held(self) -> dict[int, int]:
        return warp_holdings(self.before) | warp_holdings(self.after)

    def merge(self, later: Edit) -> bool:
        fits = isinstance(later, WarpEdit) and later.asset is self.asset and self.gesture is not None
        if fits:
            self.after, self.name = later.after, later.name
        return fits

    def reshaped(self) -> tuple[Asset, ...]:
        return (self.asset,)
