"""Edits of what every asset has: its name, whether it is seen, its place and its look."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Hashable
from typing import Any, ClassVar

import numpy as np

from ..asset import Asset
from .edit import Edit


class AttributeEdit(Edit):
    """One value of an asset, before and after."""

    def __init__(self, asset: Asset, before: Any, after: Any, name: str, gesture: Hashable | None = None) -> None:
        self.asset, self.before, self.after, self.name, self.gesture = asset, before, after, name, gesture

    @abstractmethod
    def set(self, value: Any) -> None:
        """Gives the asset the value."""

    def apply(self) -> None:
        self.set(self.after)

    def revert(self) -> None:
        self.set(self.before)

    @property
    def detail(self) -> str:
        return self.asset.name

    def held(self) -> dict[int, int]:
        return {id(self): sys.getsizeof(self.before) + sys.getsizeof(self.after)}


class NameEdit(AttributeEdit):
    """Another name."""

    kind: ClassVar[str] = "name"

    def __init__(self, asset: Asset, after: str) -> None:
        super().__init__(asset, asset.name, after, "Rename")

    def set(self, value: str) -> None:
        self.asset.set_name(value)

    @property
    def detail(self) -> str:
        return f"{self.before} → {self.after}"


class VisibleEdit(AttributeEdit):
    """Shown or hidden."""

    kind: ClassVar[str] = "visible"

    def __init__(self, asset: Asset, after: bool) -> None:
        super().__init__(asset, asset.visible, after, "Show" if after else "Hide")

    def set(self, value: bool) -> None:
        self.asset.set_visible(value)


class TransformEdit(AttributeEdit):
    """Another place: `after` is local → world, (4,4). Consecutive ones merge."""

    kind: ClassVar[str] = "transform"

    def __init__(self, asset: Asset, after: np.ndarray, name: str = "Move", gesture: Hashable | None = None) -> None:
        placed = np.array(after, np.float64).reshape(4, 4)
        super().__init__(asset, asset.transform.copy(), placed, name, gesture)

    def set(self, value: np.ndarray) -> None:
        self.asset.set_transform(value)

    def merge(self, later: Edit) -> bool:
        fits = isinstance(later, TransformEdit) and later.asset is self.asset and later.name == self.name
        if fits:
            self.after = later.after
        return fits

    def reshaped(self) -> tuple[Asset, ...]:
        return (self.asset,)


class DisplayEdit(AttributeEdit):
    """Another value of how the asset is shown. Consecutive ones of the same value merge.

    Raises BadInput for a value outside the domain, KeyError for an unknown `value_name`.
    """

    kind: ClassVar[str] = "display"

    def __init__(self, asset: Asset, value_name: str, after: Any, gesture: Hashable | None = None) -> None:
        setting = type(asset.display).setting(value_name)
        self.value_name = value_name
        super().__init__(asset, getattr(asset.display, value_name), setting.check(after), setting.label, gesture)

    def set(self, value: Any) -> None:
        self.asset.set_display(self.value_name, value)

    @property
    def detail(self) -> str:
        return f"{self.asset.name}: {_word(self.before)} → {_word(self.after)}"

    def merge(self, later: Edit) -> bool:
        fits = isinstance(later, DisplayEdit) and later.asset is self.asset and later.value_name == self.value_name
        if fits:
            self.after = later.after
        return fits


def _word(value: Any) -> str:
    """A display value for people."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
