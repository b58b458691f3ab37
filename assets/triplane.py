"""Triplanes: feature planes, a description of how they are read, and the decoder's weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .asset import Asset, Provenance
from .display import Display, Setting, setting
from .fields.bricks.grid import BrickGrid
from .fields.description import FieldDescription
from .progress import Job


@dataclass
class TriplaneDisplay(Display):
    """How triplanes are shown.

    level: the value of the shown output where its surface is drawn, in the family's units. slice_axis, slice_at: which
    axis of the asset's frame the slice is square to, and where it lies, 0 … 1 of the box. time: when a field that
    changes is shown, in the family's units, however it is drawn.
    """

    mode: str = setting(
        "colour",
        "Mode",
        "What is drawn",
        choices=("colour", "density", "depth", "normal", "surface", "steps", "slice"),
    )
    density: float = setting(1.0, "Density", "Factor on the density of the field", low=0.0, high=20.0, step=0.05)
    level: float = setting(0.0, "Level", "The value of the field where its surface is drawn", step=0.01, slider=True)
    slice_axis: str = setting("z", "Slice across", "The axis that the slice is square to", choices=("x", "y", "z"))
    slice_at: float = setting(
        0.5, "Slice at", "Where the slice lies between the sides of the box", low=0.0, high=1.0, step=0.01, slider=True
    )
    time: float = setting(0.0, "Time", "The time at which the field is shown", step=0.01, slider=True)


class Triplane(Asset):
    """A field stored as planes.

    tensors: every array of planes and decoder by the name that the description uses, as stored (f16 or f32); the
    weights are absent while no decoder is known. grid: the bricks that the GPU draws, None until the first bake.
    """

    kind = "triplane"
    display_type = TriplaneDisplay
    data_fields = ("tensors", "description", "provenance", "grid", "_matter")
    prepared_fields = ("grid", "_matter")

    def __init__(
        self,
        name: str,
        tensors: dict[str, np.ndarray],
        description: FieldDescription,
        provenance: Provenance | None = None,
    ) -> None:
        super().__init__(name, provenance)
        self.tensors = tensors
        self.description = description
        self.grid: BrickGrid | None = None
        self._matter: np.ndarray | None = None
        self._defaults: dict[str, float] = {}
        self._take_defaults(description)

    @property
    def has_decoder(self) -> bool:
        """Whether every tensor that the heads name is there, and there is at least one head."""
        named = self.description.decoder_tensors()
        return bool(named) and all(name in self.tensors for name in named)

    def local_bounds(self) -> np.ndarray | None:
        return np.array([self.description.space.low, self.description.space.high], np.float64)

    def seen_bounds(self) -> np.ndarray | None:
        return self.bounds() if self._matter is None else self._placed(self._with_warp(self._matter))

    def up_axis(self) -> str | None:
        return self.description.space.up

    def backdrop(self) -> tuple[float, float, float] | None:
        return tuple(self.description.march.background)

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self.tensors.values()) + (self.grid.nbytes if self.grid else 0)

    def counts(self) -> dict[str, int]:
        planes = [plane for group in self.description.groups for plane in group.planes]
        shapes = [self.tensors[plane.tensor].shape for plane in planes]
        return {"planes": len(planes), "channels": int(shapes[0][-3]), "rows": shapes[0][-2], "columns": shapes[0][-1]}

    def facts(self) -> dict[str, str]:
        description = self.description
        layers = [self.tensors[layer.weight] for head in description.heads for layer in head.layers if self.has_decoder]
        outputs = [output.name for head in description.heads for output in head.outputs]
        facts = {"combination": ", ".join(dict.fromkeys(group.combine for group in description.groups))}
        facts["decoder"] = f"{len(layers)} layers, {max(len(w) for w in layers)} wide" if layers else "none"
        if outputs:
            facts["outputs"] = ", ".join(outputs)
        if self.grid is not None:
            facts["baked"] = " × ".join(str(int(count)) for count in self.grid.resolution)
            facts["baked"] += f" ({self.grid.ended})" if self.grid.ended else ""
            facts["bricks"] = f"{len(self.grid.samples)}, {self.grid.nbytes / 2**20:.0f} MiB"
        return facts

    def settings(self) -> tuple[Setting, ...]:
        from .fields.display_settings import settings_of

        return settings_of(self)

    def display_default(self, name: str) -> Any:
        return self._defaults.get(name, super().display_default(name))

    def set_state(self, state: dict[str, Any]) -> None:
        if "description" in state:
            self._take_defaults(state["description"])
        super().set_state(state)

    def _take_defaults(self, description: FieldDescription) -> None:
        """Shows the level and the time that a `description` calls for, where no others were chosen before."""
        from .fields.display_settings import default_level, default_time

        for name, default in (("level", default_level), ("time", default_time)):
            chosen, before = getattr(self.display, name), self._defaults.get(name)
            self._defaults = {**self._defaults, name: default(description)}
            if before is None or chosen == before:
                setattr(self.display, name, self._defaults[name])

    def preparation(self, eye: np.ndarray | None = None) -> Job[None] | None:
        from .fields.bricks.bake import bake
        from .fields.showing import shown

        drawable = self.has_decoder and shown(self.description) is not None
        # One that was closed while it was baked and comes back has a coarse grid.
        unfinished = self.grid is None or self.grid.level < self.grid.levels - 1 or self.grid.time != self.moment()
        return bake(self, eye=eye) if drawable and unfinished else None

    def to_prepare(self) -> Triplane:
        light = Triplane(self.name, self.tensors, self.description, self.provenance)
        light.display = self.display
        return light

    def moment(self) -> float:
        """The time at which the field is shown, in the family's units; 0 where it has none."""
        return float(self.display.time) if self.description.needs_time else 0.0

    def accept(self, prepared: BrickGrid) -> None:
        """Takes a finer grid."""
        if self._matter is None:
            # From the first grid alone: a view that was fitted to it should not move with every finer one.
            self._matter = prepared.matter
        self.grid = prepared
        self.changed.emit(self, "prepared")
