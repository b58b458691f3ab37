"""What every asset has, whatever its kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .display import Display, Setting
from .progress import Job
from .signal import Signal

if TYPE_CHECKING:
    from .deform.warp import Warp

UP_VECTORS = {"y": (0.0, 1.0, 0.0), "-y": (0.0, -1.0, 0.0), "z": (0.0, 0.0, 1.0), "-z": (0.0, 0.0, -1.0)}
"""The axes that a file, a family or a viewport may call up, as unit vectors."""


@dataclass
class Provenance:
    """Where an asset comes from, and what is known about it rather than assumed.

    `declared` is what the file said, `guessed` what we concluded from shapes, names or habit; both map a term of the
    field ("align_corners") to a readable value. `warnings` are sentences. dropped: how many elements the reader left
    out because they were damaged. levels: the levels of detail in the file, 0 the finest; level: the one that was read.
    """

    path: Path | None = None
    format: str = ""
    family: str = ""
    declared: dict[str, str] = field(default_factory=dict)
    guessed: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    dropped: int = 0
    levels: tuple[int, ...] = ()
    level: int | None = None


class Asset(ABC):
    """One thing in a scene: a name, a place, a look, and the data of its kind.

    `changed` is emitted with the asset and the part that changed: "name", "visible", "transform", "display", "data",
    "warp", "highlight" (of splats), or "prepared" (see `preparation`). Attributes are changed through the `set_*`
    methods, so nobody misses it.
    """

    kind: ClassVar[str]
    """One lower-case word, shown to people: "mesh", "gaussians", …"""

    display_type: ClassVar[type[Display]]

    data_fields: ClassVar[tuple[str, ...]] = ()
    """The attributes that an edit of the data replaces, as a whole and never in place."""

    fixed: ClassVar[str] = ""
    """Why no edit may change the data, as the end of a sentence "NAME …"; "": one may."""

    prepared_fields: ClassVar[tuple[str, ...]] = ()
    """Those of `data_fields` that `preparation` makes."""

    def __init__(self, name: str, provenance: Provenance | None = None) -> None:
        self.name = name
        self.visible = True
        self.transform = np.eye(4)
        self.display = self.display_type()
        self.provenance = provenance or Provenance()
        self.changed = Signal()
        self.warp: Warp | None = None
        """What a drag has made of the asset and its data not yet: see assets/deform. None: nothing."""

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
        """The box around the transformed corners of `local_bounds` and of what a warp moved: (2,3) f64, or None."""
        return self._placed(self._with_warp(self.local_bounds()))

    def seen_bounds(self) -> np.ndarray | None:
        """The box around what there is to see, as far as that is known: `bounds`, or less. For framing."""
        return self.bounds()

    def preparation(self, eye: np.ndarray | None = None) -> Job[None] | None:
        """A job that makes what only drawing needs (bricks, an order, a proxy); None where nothing is missing.

        It yields `Partial` values, which `accept` takes, coarse ones first. It may run in another process on a copy.
        eye: from where the asset is seen, (3,) in its own frame: what lies there may come first.
        """
        return None

    def to_prepare(self) -> Asset:
        """The asset, or as much of it as `preparation` needs: what travels to another process."""
        return self

    def moment(self) -> float:
        """The time for which `preparation` makes things, where the asset changes over time; else 0."""
        return 0.0

    def accept(self, prepared: Any) -> None:
        """Takes a piece that `preparation` made, and emits "prepared"."""
        raise NotImplementedError(f"{self.kind} prepares nothing")

    def _with_warp(self, box: np.ndarray | None) -> np.ndarray | None:
        """A box of the asset's own frame, grown to hold what the warp moved out of it."""
        moved = self.warp.moved_bounds if self.warp is not None and box is not None else None
        return box if moved is None else np.stack([np.minimum(box[0], moved[0]), np.maximum(box[1], moved[1])])

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

    def state(self) -> dict[str, Any]:
        """What the asset is made of: the attributes in `data_fields` and the warp, by name and as references."""
        return {name: getattr(self, name) for name in (*self.data_fields, "warp")}

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes other data, as `state` gives them; others stay. Raises KeyError for unknown names."""
        unknown = set(state) - {*self.data_fields, "warp"}
        if unknown:
            raise KeyError(f"{self.kind} has no data called {', '.join(sorted(unknown))}")
        worn = self.warp
        for name, value in state.items():
            setattr(self, name, value)
        self.changed.emit(self, "data")
        if self.warp is not worn:
            self.changed.emit(self, "warp")

    def set_warp(self, warp: Warp | None) -> None:
        """Bends the asset, or lets it go back to its data."""
        self.warp = warp
        self.changed.emit(self, "warp")

    def settings(self) -> tuple[Setting, ...]:
        """The settings of the display that mean something for this asset as it is shown now, with its own defaults and
        ranges. A value that lies outside of these ranges and inside the declared ones may be set nevertheless."""
        return type(self.display).settings()

    def display_default(self, name: str) -> Any:
        """The value that a setting of the display has when the asset is opened."""
        return type(self.display).setting(name).default

    def set_display(self, name: str, value: Any) -> None:
        """Sets one display value after checking its domain. Raises BadInput, or KeyError for an unknown name."""
        setattr(self.display, name, type(self.display).setting(name).check(value))
        self.changed.emit(self, "display")
