"""All of a deformation that can be prepared before the hand moves: matter, graph and bindings, made by a job."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ..asset import Asset
from ..errors import BadInput
from ..progress import Job, Progress, stage
from .binding import Binding
from .drag import Dab, Drag, Region
from .graph import Graph, build_graph
from .kinds import Elements, deformable
from .matter import Matter, unconnected

NODES = 512
MOST_NODES = 4096

_BLOCK = 1 << 17


@dataclass(frozen=True, eq=False)
class Rig:
    """elements, bindings: what follows the nodes and how, one per placed part of a mesh (in the order of
    `Mesh.instances`), one for other kinds; elements are (N,3) f32 or f64 in the asset's frame. matter_binding: of the
    matter's points. centre: (3,) f64, subtracted before anything is computed in f32. size: diagonal of the box
    around the matter: neither what floats far away nor the empty part of a field's box counts. is_field: whether the
    elements are cells of a field."""

    graph: Graph
    matter: Matter
    elements: tuple[np.ndarray, ...]
    bindings: tuple[Binding, ...]
    matter_binding: Binding
    centre: np.ndarray
    size: float
    is_field: bool = False
    _masked: dict = field(default_factory=dict, repr=False)
    _paint: dict = field(default_factory=dict, repr=False)

    @property
    def nbytes(self) -> int:
        """Main memory, in bytes."""
        held = (*self.bindings, self.matter_binding, *self.elements)
        return self.matter.nbytes + sum(part.nbytes for part in held)

    @cached_property
    def reaches(self) -> tuple[np.ndarray, np.ndarray]:
        """The nodes that move matter (k,), and the box around the matter points, and what lies at them, that each
        moves: (k,2,3) f64."""
        binding, points = self.matter_binding, self.matter.points
        order = np.argsort(binding.nodes, axis=None, kind="stable")
        order = order[binding.weights.reshape(-1)[order] > 0]
        nodes, starts = np.unique(binding.nodes.reshape(-1)[order], return_index=True)
        places = points[order // binding.nodes.shape[1]]
        if len(nodes):
            low, high = np.minimum.reduceat(places, starts), np.maximum.reduceat(places, starts)
            beside = self._beside()
            return nodes.astype(np.int64), np.stack([low - beside, high + beside], 1)
        return np.zeros(1, np.int64), np.stack([points.min(0), points.max(0)])[None]

    def _beside(self) -> float:
        """How far elements that follow the nodes lie from the matter, at most; the haze of a field does not count."""
        farthest = 0.0
        if self.is_field:
            return farthest
        for points, binding in zip(self.elements, self.bindings, strict=True):
            for start in range(0, len(points), _BLOCK):
                rows = slice(start, start + _BLOCK)
                away = points[rows] - self.matter.points[binding.near[rows]]
                squares = np.einsum("ni,ni->n", away, away)
                farthest = max(farthest, float(squares[binding.weights[rows].any(1)].max(initial=0.0)))
        return farthest**0.5

    def __getstate__(self) -> dict:
        return vars(self) | {"_masked": {}, "_paint": {}}

    def masked_bindings(self, drag: Drag) -> tuple[tuple[Binding, ...], Binding]:
        """The bindings under what `drag` lets move, and that of the matter's points. The last few answers are kept."""
        if drag.region is None and not drag.dabs and not drag.base_fixed:
            return self.bindings, self.matter_binding
        key = (drag.region, drag.dabs, drag.base_fixed)
        if key not in self._masked:
            while len(self._masked) >= 4:
                self._masked.pop(next(iter(self._masked)))
            masked = tuple(
                binding.masked(self.mask(drag, points, binding.near))
                for points, binding in zip(self.elements, self.bindings, strict=True)
            )
            matter = self.matter_binding.masked(self.mask(drag, self.matter.points, self.matter_binding.near))
            self._masked[key] = (masked, matter)
        return self._masked[key]

    def mask(self, drag: Drag, points: np.ndarray, near: np.ndarray) -> np.ndarray:
        """How far `drag` lets `points` (m,3) move that lie at the matter points `near` (m,): (m,), 0 … 1."""
        allowed = region_mask(points, drag.region)
        if drag.dabs or drag.base_fixed:
            allowed = allowed * self._painted(drag)[near]
        return allowed

    def _painted(self, drag: Drag) -> np.ndarray:
        """What the paint of `drag` lets move of the matter's points, (M,). The last answer is kept."""
        key = (drag.dabs, drag.base_fixed)
        if self._paint.get("key") != key:
            self._paint.update(key=key, mask=paint_mask(self.matter.points, *key))
        return self._paint["mask"]


def make_rig(asset: Asset, nodes: int = NODES, connected: bool = True) -> Job[Rig]:
    """The rig of an asset. nodes: how many, up to MOST_NODES. connected: link only through matter; False: gaps are
    bridged. Raises BadInput where there is no visible matter or the kind does not deform."""
    if not 4 <= nodes <= MOST_NODES:
        raise BadInput(f"A deformation graph has 4 to {MOST_NODES} nodes, not {nodes}.")
    kind = deformable(asset)
    matter, elements = yield from stage(kind.matter(asset), 0.0, 0.5)
    if not len(matter.points):
        raise BadInput(f"{asset.name}: has no visible matter that could be dragged.")
    joined = matter if connected else unconnected(matter)
    rig = yield from stage(assemble(joined, elements, nodes, matter.size), 0.5, 1.0)
    return replace(rig, is_field=kind.is_field)


def assemble(matter: Matter, elements: list[Elements], nodes: int, size: float) -> Job[Rig]:
    """A job that makes the rig of `elements` that follow `matter`; `size` is the asset's."""
    graph, matter = yield from stage(build_graph(matter, nodes), 0.0, 0.4)
    bindings = []
    for index, part in enumerate(elements):
        share = (0.4 + 0.6 * index / len(elements), 0.4 + 0.6 * (index + 1) / len(elements))
        bindings.append((yield from stage(_bind(graph, matter, part.points, part.near), *share)))
    # Elements may be the matter's own points; then both are one binding.
    own = next((b for part, b in zip(elements, bindings, strict=True) if part.points is matter.points), None)
    if own is None:
        own = graph.bind(matter.points, np.arange(len(matter.points)))
    places = tuple(part.points for part in elements)
    return Rig(graph, matter, places, tuple(bindings), own, graph.nodes.mean(0), max(size, 1e-12))


def _bind(graph: Graph, matter: Matter, points: np.ndarray, near: np.ndarray | None) -> Job[Binding]:
    """Binds elements in blocks, after looking for the nearest matter where it is not known."""
    parts = []
    for start in range(0, max(len(points), 1), _BLOCK):
        block = points[start : start + _BLOCK]
        at = matter.tree.query(block)[1] if near is None else near[start : start + _BLOCK]
        parts.append(graph.bind(block, np.asarray(at), matter))
        yield Progress(start, len(points), f"Binding {len(points):,} elements")
    return Binding(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("nodes", "weights", "near")))


def region_mask(points: np.ndarray, region: Region | None) -> np.ndarray:
    """How far a region lets `points` (N,3) move: (N,), 0 … 1."""
    if region is None:
        return np.ones(len(points))
    blocks = [region.mask(points[start : start + _BLOCK]) for start in range(0, len(points), _BLOCK)]
    return np.concatenate(blocks) if blocks else np.zeros(0)


def paint_mask(points: np.ndarray, dabs: tuple[Dab, ...], base_fixed: bool) -> np.ndarray:
    """How far the painted region lets `points` (N,3) move: (N,), 0 … 1. Later dabs lie over earlier ones."""
    mask = np.full(len(points), 0.0 if base_fixed else 1.0)
    # A dab is small: only what lies within its reach along x is looked at.
    order = np.argsort(points[:, 0], kind="stable") if dabs else np.empty(0, np.int64)
    line = points[order, 0]
    for dab in dabs:
        rows = slice(None)
        if dab.direction is None:
            reach = (dab.center[0] - dab.radius, dab.center[0] + dab.radius)
            rows = order[slice(*np.searchsorted(line, reach))]
        cover = dab.cover(points[rows])
        mask[rows] += cover * ((0.0 if dab.fixed else 1.0) - mask[rows])
    return mask
