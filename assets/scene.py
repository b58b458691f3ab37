"""The assets that are open together, in their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from .asset import Asset
from .signal import Signal


class Scene:
    """An ordered list of assets and which of them is active.

    `added(asset)`, `removed(asset)`, `activated(asset or None)` tell of the list; `changed(asset, part)` passes on
    what any of the assets emits. A camera belongs to a viewport, not to the scene.
    """

    def __init__(self) -> None:
        self._assets: list[Asset] = []
        self.active: Asset | None = None
        self.added = Signal()
        self.removed = Signal()
        self.activated = Signal()
        self.changed = Signal()

    def __iter__(self) -> Iterator[Asset]:
        return iter(tuple(self._assets))

    def __len__(self) -> int:
        return len(self._assets)

    def add(self, asset: Asset) -> None:
        """Appends `asset`, with a number behind its name where the name is taken."""
        taken = {other.name for other in self._assets}
        name, number = asset.name, 2
        while asset.name in taken:
            asset.name, number = f"{name} {number}", number + 1
        self.insert(len(self._assets), asset)

    def insert(self, index: int, asset: Asset) -> None:
        """Puts `asset` at a place of the list; its name stays, since it comes back to where it was."""
        self._assets.insert(index, asset)
        asset.changed.connect(self._pass_on)
        self.added.emit(asset)

    def index(self, asset: Asset) -> int:
        """The place of `asset` in the list. Raises ValueError where it is not in it."""
        return self._assets.index(asset)

    def remove(self, asset: Asset) -> None:
        """Takes `asset` out; the active one hands over to its neighbour."""
        index = self._assets.index(asset)
        del self._assets[index]
        asset.changed.disconnect(self._pass_on)
        self.removed.emit(asset)
        if self.active is asset:
            self.activate(self._assets[min(index, len(self._assets) - 1)] if self._assets else None)

    def activate(self, asset: Asset | None) -> None:
        """Makes `asset` the one that the inspector and the tools act on."""
        if asset is not self.active:
            self.active = asset
            self.activated.emit(asset)

    def visible(self) -> list[Asset]:
        """The assets that are drawn."""
        return [asset for asset in self._assets if asset.visible]

    def bounds(self) -> np.ndarray | None:
        """The box around everything visible: (2,3) f64 in world units, or None."""
        return _around(asset.bounds() for asset in self.visible())

    def seen_bounds(self) -> np.ndarray | None:
        """The box around what there is to see of everything visible: (2,3) f64 in world units, or None."""
        return _around(asset.seen_bounds() for asset in self.visible())

    def _pass_on(self, asset: Asset, part: str) -> None:
        self.changed.emit(asset, part)


def _around(boxes: Iterable[np.ndarray | None]) -> np.ndarray | None:
    """The smallest box that holds all `boxes`; None where there is none."""
    there = [box for box in boxes if box is not None]
    return np.stack([np.min([box[0] for box in there], 0), np.max([box[1] for box in there], 0)]) if there else None
