"""What every edit can do, and how several of them are one."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, ClassVar

from ..asset import Asset

Step = Callable[[], Any]


class Edit(ABC):
    """One change, with both of its sides: `apply` leads there, `revert` back.

    Either sets the state outright, whatever it finds, so that one may follow the other where that failed halfway.
    name: for people, "Rename". gesture: edits that carry the same one belong to one movement of the hand; None: it
    stands alone.
    """

    kind: ClassVar[str]
    """One lower-case word for the family: "name", "display", "warp", …"""

    name: str
    gesture: Hashable | None = None

    @abstractmethod
    def apply(self) -> None:
        """Makes the change. Raises BadInput where it is impossible."""

    @abstractmethod
    def revert(self) -> None:
        """Takes the change back."""

    @property
    def detail(self) -> str:
        """What is changed into what, for people: "cube → box"."""
        return ""

    def held(self) -> dict[int, int]:
        """What stays in memory because of the edit: the `id` of each thing and its bytes. Edits share things."""
        return {}

    @property
    def nbytes(self) -> int:
        """Main memory that the edit keeps, in bytes."""
        return sum(self.held().values())

    def merge(self, later: Edit) -> bool:
        """Takes the change of `later`, which was applied right after, into this one. Returns whether they fit."""
        return False

    def reshaped(self) -> tuple[Asset, ...]:
        """The assets of which a saved file differs afterwards: looks and visibility are not saved."""
        return ()


class Group(Edit):
    """Several edits as one, reverted in reverse. detail: what they are about; "": it says how many they are."""

    def __init__(self, name: str, edits: Sequence[Edit], detail: str = "") -> None:
        self.name = name
        self.edits = tuple(edits)
        self._detail = detail

    @property
    def kind(self) -> str:
        """That of its edits where they are of one family, else "group"."""
        kinds = {edit.kind for edit in self.edits}
        return kinds.pop() if len(kinds) == 1 else "group"

    @property
    def detail(self) -> str:
        return self._detail or f"{len(self.edits)} changes"

    def apply(self) -> None:
        perform((edit.apply, edit.revert) for edit in self.edits)

    def revert(self) -> None:
        perform((edit.revert, edit.apply) for edit in reversed(self.edits))

    def held(self) -> dict[int, int]:
        return {key: size for edit in self.edits for key, size in edit.held().items()}

    def reshaped(self) -> tuple[Asset, ...]:
        return tuple(dict.fromkeys(asset for edit in self.edits for asset in edit.reshaped()))


def perform(steps: Iterable[tuple[Step, Step]]) -> None:
    """Takes steps, pairs of there and back, in their order. Where one raises, it and those before it are taken back in
    reverse, and the error goes on."""
    taken: list[Step] = []
    try:
        for there, back in steps:
            taken.append(back)
            there()
    except BaseException:
        for back in reversed(taken):
            # What is wrong with the way there is often wrong with the way back; the first error is the one that tells.
            with contextlib.suppress(Exception):
                back()
        raise
