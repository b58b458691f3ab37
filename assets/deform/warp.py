"""What a dragged asset wears: a rig, the drag, and the pose that it leads to.

A warp is never changed: another drag, another warp on the same rig. So history keeps warps as they are, a few tens of
kilobytes each beside the rig that they share.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .binding import Binding, Pose, Skin
from .drag import Drag

if TYPE_CHECKING:
    from .rig import Rig
    from .volume import WarpVolume


@dataclass(frozen=True, eq=False)
class Warp:
    """A drag and where it led.

    drag: in the asset's frame. rig, pose: what it was solved on and what came out; None for a field whose warp was read
    from a file, which has a `stored` volume instead. bindings: those of the rig under the drag's region, one per placed
    part of a mesh, one for other kinds; matter_binding: that of the matter's points. heat: (n,) f64, how much each node
    feels the drag, 0 … 1. draft: for a field, whether its volume is made for a hand that moves: of coarser cells, in a
    fraction of the time.
    """

    drag: Drag
    rig: Rig | None
    pose: Pose | None
    bindings: tuple[Binding, ...] = ()
    matter_binding: Binding | None = None
    heat: np.ndarray = field(default_factory=lambda: np.zeros(0))
    stored: WarpVolume | None = None
    draft: bool = False

    @property
    def nbytes(self) -> int:
        """Main memory of what only this warp holds, in bytes: masked weights count, those of the rig don't."""
        own = sum(
            binding.weights.nbytes
            for binding, plain in zip(self.bindings, self.rig.bindings if self.rig else (), strict=False)
            if binding is not plain
        )
        return own + (self.pose.nbytes if self.pose else 0) + (self.stored.nbytes if self.stored else 0)

    @property
    def skin(self) -> Skin:
        """What applies the pose to bound elements. Needs a rig."""
        return Skin(self.rig.graph.nodes, self.pose, self.rig.centre)

    @property
    def volume(self) -> WarpVolume:
        """The inverse map of a field's warp, from moved places back to where they were. Only the last few that were
        asked for are kept."""
        from .volume import scattered

        return self.stored if self.stored is not None else scattered(self)

    def prepare(self) -> None:
        """Finds what drawing asks for, where nobody waits for it: the bounds and, for a field, the volume."""
        _ = self.moved_bounds
        if self.rig is None or self.rig.is_field:
            _ = self.volume

    @cached_property
    def moved_bounds(self) -> np.ndarray | None:
        """A box (2,3) f64 of the asset's frame that holds all moved matter; None where only a volume is known.

        It is found in every picture while a hand pulls, so no point is moved for it: a moved point is a blend of where
        it was and where its nodes would take it, so it lies in the box around what nodes make of the boxes of theirs.
        """
        if self.rig is None:
            return self.stored.bounds if self.stored is not None else None
        nodes, boxes = self.rig.reaches
        maps, spacing = self.skin.affine[nodes], self.rig.matter.spacing
        rest = boxes - self.rig.centre
        middle, half = rest.mean(1), 0.5 * (rest[:, 1] - rest[:, 0])
        there = np.einsum("nij,nj->ni", maps[:, :, :3], middle) + maps[:, :, 3]
        reach = np.einsum("nij,nj->ni", np.abs(maps[:, :, :3]), half)
        low, high = np.minimum(rest[:, 0], there - reach).min(0), np.maximum(rest[:, 1], there + reach).max(0)
        return np.stack([low - spacing, high + spacing]) + self.rig.centre
