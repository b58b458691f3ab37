"""What every asset has, whatever its kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from .display import Display
from .progress import Job
from .signal import Signal

UP_VECTORS = {"y": (0.0, 1.0, 0.0), "-y": (0.0, -1.0, 0.0), "z": (0.0, 0.0, 1.0), "-z": (0.0, 0.0, -1.0)}
"""The axes that a file, a family or a viewport may call up, as unit vectors."""


@dataclass
class Provenance:
    """Where an asset comes from, and what is known about it rather than assumed.

    `declared` is what the file said, `guessed` what we concluded from shapes, names or habit; both map a term of the
    field ("align_corners") to a readable value. `warnings` are sentences.
    """

    path: Path | None = None
    format: str = ""
    family: str = ""
    declared: dict[str, str] = field(default_factory=dict)
    guessed: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


class Asset(ABC):
    """One thing in a scene: a name, a place, a look, and the data of its kind.

    `changed` is emitted with the asset and the part that changed: "name", "visible", "transform", "display", "data",
    or "prepared" (see `preparation`). Attributes are changed through the `set_*` methods, so nobody misses it.
    """

    kind: ClassVar[str]
    """One lower-case word, shown to people: "mesh", "gaussians", …"""

    display_type: ClassVar[type[Display]]

    def __init__(self, name: str, provenance: Provenance | None = None) -> None:
        self.name = name
        self.visible = True
        self.transform = np.eye(4)
        self.display = self.display_type()
        self.provenance = provenance or Provenance()
        self.changed = Signal()

    @abstractmethod
    def local_bounds(self) -> np.ndarray | None:
        """Smallest box around the data before `transform`: (2,3) f64, rows min and max; None where it is empty."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Main memory that the data takes, in bytes."""

    @abstractmethod
    def counts(self) -> dict[str, int]:
        """What it consists of: {"vertices": 8, "faces": 12}."""

    def facts(self) -> dict[str, str]:
        """Further readable facts of the kind, for `--info` and the inspector: {"SH degree": "3"}."""
        return {}

    def up_axis(self) -> str | None:
        """The axis of the asset's own frame that its file or family calls up: "y", "-y", "z", "-z"; None: not said."""
        return None

    def world_up(self) -> str | None:
        """`up_axis` after the asset's transform: the nearest of the four axes, or None where it lies elsewhere."""
        word = self.up_axis()
        if word is None:
            return None
        turned = self.transform[:3, :3] @ np.array(UP_VECTORS[word])
        turned /= max(np.linalg.norm(turned), 1e-300)
        nearest = max(UP_VECTORS, key=lambda axis: turned @ np.array(UP_VECTORS[axis]))
        return nearest if turned @ np.array(UP_VECTORS[nearest]) > 0.9 else None

    def backdrop(self) -> tuple[float, float, float] | None:
        """The colour that the asset's own renderer puts behind it, sRGB 0 … 1; None where it has none."""
        return None

    def bounds(self) -> np.ndarray | None:
        """The box around the transformed corners of `local_bounds`: (2,3) f64 in world units, or None."""
        return self._placed(self.local_bounds())

    def seen_bounds(self) -> np.ndarray | None:
        """The box around what there is to see, as far as that is known: `bounds`, or less. For framing."""
        return self.bounds()

    def preparation(self) -> Job[None] | None:
        """A job that makes what only drawing needs (bricks, an order, a proxy); None where nothing is missing.

        It yields `Partial` values, which `accept` takes, coarse ones first. It may run in another process on a copy.
        """
        return None

    def accept(self, prepared: Any) -> None:
        """Takes a piece that `preparation` made, and emits "prepared"."""
        raise NotImplementedError(f"{self.kind} prepares nothing")

    def _placed(self, box: np.ndarray | None) -> np.ndarray | None:
        """The world box around a box of the asset's own frame."""
        if box is None:
            return None
        corners = np.stack(np.meshgrid(*box.T, indexing="ij"), -1).reshape(-1, 3)
        world = corners @ self.transform[:3, :3].T + self.transform[:3, 3]
        return np.stack([world.min(0), world.max(0)])

    def set_name(self, name: str) -> None:
        """Renames the asset."""
        self.name = name
        self.changed.emit(self, "name")

    def set_visible(self, visible: bool) -> None:
        """Shows or hides the asset."""
        self.visible = visible
        self.changed.emit(self, "visible")

    def set_transform(self, transform: np.ndarray) -> None:
        """Places the asset: `transform` is local → world, (4,4), affine."""
        self.transform = np.array(transform, np.float64).reshape(4, 4)
        self.changed.emit(self, "transform")

    def set_display(self, name: str, value: Any) -> None:
        """Sets one display value after checking its domain. Raises BadInput, or KeyError for an unknown name."""
        setattr(self.display, name, type(self.display).setting(name).check(value))
        self.changed.emit(self, "display")
