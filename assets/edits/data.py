"""The edit that replaces what an asset is made of."""

from __future__ import annotations

from typing import Any, ClassVar

from ..asset import Asset
from .edit import Edit
from .holdings import holdings

State = dict[str, Any]


class DataEdit(Edit):
    """Other data. before, after: states as `Asset.state` gives them; one may name fewer attributes than there are.
    detail: what is to be known of it; "": the name of the asset.

    What was prepared for drawing since then is kept when a side is left, so that nothing is prepared twice.
    """

    kind: ClassVar[str] = "data"

    def __init__(self, asset: Asset, before: State, after: State, name: str, detail: str = "") -> None:
        self.asset, self.before, self.after, self.name, self._detail = asset, before, after, name, detail
        self._held: dict[int, int] | None = None

    @property
    def detail(self) -> str:
        return self._detail or self.asset.name

    def apply(self) -> None:
        self.before = self._left(self.before)
        self.asset.set_state(self.after)

    def revert(self) -> None:
        self.after = self._left(self.after)
        self.asset.set_state(self.before)

    def held(self) -> dict[int, int]:
        """Each array that only one of the two sides has."""
        if self._held is None:
            before, after = holdings(self.before), holdings(self.after)
            self._held = {key: size for key, size in (before | after).items() if (key in before) != (key in after)}
        return self._held

    def reshaped(self) -> tuple[Asset, ...]:
        return (self.asset,)

    def _left(self, side: State) -> State:
        """The side that the asset is on, with what was prepared since; `side` itself where it is on another one."""
        now = self.asset.state()
        kept = {name: now[name] if name in self.asset.prepared_fields else value for name, value in side.items()}
        self._held = None
        return kept if all(now[name] is kept[name] for name in side if name != "warp") else side


class LevelEdit(DataEdit):
    """Another level of detail of the same file, `other`, in place of the data. Nothing is lost by it that would have to
    be saved."""

    kind: ClassVar[str] = "level"

    def __init__(self, asset: Asset, other: Asset) -> None:
        detail = f"{asset.name}: {asset.provenance.level} → {other.provenance.level}"
        super().__init__(asset, asset.state(), other.state(), "Level", detail)

    def reshaped(self) -> tuple[Asset, ...]:
        return ()
