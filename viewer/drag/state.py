"""What is set up in the drag tool, and what can be read from it. No Qt. ../dragging.py has the verbs."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from assets.asset import Asset
from assets.deform.drag import Drag, DragSettings, Point
from assets.display import Setting
from assets.signal import Signal

from .painting import PaintSettings
from .pairs import Mirror
from .places import in_world, length_in_world

if TYPE_CHECKING:
    from assets.deform.rig import Rig
    from assets.deform.warp import Warp

    from .rigs import Rigs

Mark = tuple[str, int]
"""A "handle", "target" or "pin", and which one; or an "axis" of the gizmo."""

MODES = ("direct", "pairs", "paint")

LARGEST_RADIUS = 1.0
"""The share of the asset's size from which on a radius is no limit."""


@cache
def declared(table: type) -> dict[str, Setting]:
    """The settings of a table such as DragSettings by their names."""
    found = [entry for entry in fields(table) if "setting" in entry.metadata]
    return {entry.name: Setting(name=entry.name, **entry.metadata["setting"]) for entry in found}


@dataclass
class Plan:
    """What is set up on one asset, in its frame. pending: a handle that has no target yet."""

    drag: Drag = field(default_factory=Drag)
    pending: Point | None = None


class DragState:
    """`changed()` tells that marks, numbers or notes are other ones.

    asset: what is dragged. mode: one of MODES. lock: the world axis 0 … 2 along which targets move, or None. mirror:
    the axis of the asset's frame across which handles and pins are mirrored, or None. selected, hovered: marks. heat,
    ghost, stretch: what is shown beside the asset itself. notes: sentences about how the drag was understood.
    """

    def __init__(self, rigs: Rigs) -> None:
        self.rigs = rigs
        self.settings, self.paint = DragSettings(), PaintSettings()
        self.active, self.mode = False, "direct"
        self.asset: Asset | None = None
        self.lock: int | None = None
        self.mirror: int | None = None
        self.selected: Mark | None = None
        self.hovered: Mark | None = None
        self.heat = self.ghost = self.stretch = False
        self.notes: tuple[str, ...] = ()
        self.preview: Warp | None = None
        """A warp that bends nothing and shows the influence before there is a drag."""
        self.changed = Signal()
        self._plans: weakref.WeakKeyDictionary[Asset, Plan] = weakref.WeakKeyDictionary()

    @property
    def plan(self) -> Plan:
        """What is set up on the asset."""
        return self._plans.setdefault(self.asset, Plan()) if self.asset is not None else Plan()

    @property
    def drag(self) -> Drag:
        """What is asked of the asset, in its frame, under the present settings."""
        drag, settings = self.plan.drag, self.settings
        lone = len(drag.handles) < 2 and not drag.pins
        limited = settings.radius < LARGEST_RADIUS or lone
        return replace(
            drag,
            radius=settings.radius * self.size if limited else None,
            falloff=settings.falloff,
            rigidity=settings.rigidity,
            strength=settings.strength,
        )

    @property
    def rig(self) -> Rig | None:
        """The rig of the asset, where it is there."""
        return self.rigs.of(self.asset)

    @property
    def ready(self) -> bool:
        """Whether a pull can begin."""
        return self.rig is not None

    @property
    def worn(self) -> Warp | None:
        """What a drag has made of the asset."""
        return None if self.asset is None or self.asset.warp is self.preview else self.asset.warp

    @property
    def size(self) -> float:
        """The asset's size in its frame."""
        if self.rig is not None:
            return self.rig.size
        bounds = None if self.asset is None else self.asset.local_bounds()
        return 1.0 if bounds is None else max(float(np.linalg.norm(bounds[1] - bounds[0])), 1e-12)

    @property
    def world_size(self) -> float:
        """The asset's size in the world."""
        return 1.0 if self.asset is None else length_in_world(self.asset, self.size)

    @property
    def mirror_plane(self) -> Mirror | None:
        """The plane of the mirror, through the middle of the shape at rest."""
        bounds = None if self.asset is None or self.mirror is None else self.asset.local_bounds()
        if bounds is None:
            return None
        return Mirror(self.mirror, float(bounds[:, self.mirror].mean()), self.size)

    @property
    def unrun(self) -> bool:
        """Whether there are pairs to which the shape was not pulled yet."""
        drag, worn = self.plan.drag, self.worn
        return bool(drag.handles) and (worn is None or worn.drag.handles != drag.handles)

    def placed(self, point: Point) -> Point:
        """A point of the asset's frame in the world."""
        return in_world(self.asset, point)

    def sources(self, rest: bool = False) -> list[Point]:
        """Where the handles hold the shape as it is now, or at rest, in the world."""
        worn = None if rest else self.worn
        reached = {}
        if worn is not None:
            places = worn.drag.reached()
            reached = {handle.source: at for handle, at in zip(worn.drag.handles, places, strict=True)}
        return [in_world(self.asset, reached.get(handle.source, handle.source)) for handle in self.plan.drag.handles]

    def targets(self) -> list[Point]:
        """The targets of the handles, in the world."""
        return [in_world(self.asset, handle.target) for handle in self.plan.drag.handles]

    def pins(self) -> list[Point]:
        """The pins, in the world."""
        return [in_world(self.asset, pin) for pin in self.plan.drag.pins]

    def stretched(self) -> tuple[float, int] | None:
        """How many times as long the shape has become at the most, and near which handle; None where nothing is
        dragged."""
        worn = self.worn
        if worn is None or worn.pose is None or worn.rig is None or not worn.drag.handles:
            return None
        links, nodes = worn.rig.graph.links, worn.rig.graph.nodes
        if not len(links):
            return None
        first, second = links.T
        before = np.linalg.norm(nodes[first] - nodes[second], axis=1)
        after = np.linalg.norm(worn.pose.moved[first] - worn.pose.moved[second], axis=1)
        ratios = after / np.maximum(before, 1e-12)
        worst = int(ratios.argmax())
        places = np.array([handle.source for handle in worn.drag.handles])
        return float(ratios[worst]), int(((places - nodes[first[worst]]) ** 2).sum(1).argmin())

    def take(self, drag: Drag) -> None:
        """Makes `drag` the one that is set up, and its numbers the settings."""
        self.plan.drag, self.plan.pending = drag, None
        settings, radius = self.settings, declared(DragSettings)["radius"]
        settings.falloff, settings.rigidity, settings.strength = drag.falloff, drag.rigidity, drag.strength
        share = LARGEST_RADIUS if drag.radius is None else drag.radius / self.size
        settings.radius = min(max(share, radius.low), LARGEST_RADIUS)
        self.selected = self.hovered = None
        self.changed.emit()
