"""What a drag holds on to: its handles and pins as points between nodes, and how firmly every node is kept at rest.

Here a drag is checked. What cannot be is refused in one sentence; what can be understood in a sensible way is, and a
note says how.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import BadInput
from ..meshes.welding import components
from .binding import Binding
from .drag import FALLOFFS, Drag, smoothstep
from .rig import Rig
from .rotations import logarithm, rigid_fit

LONE_RADIUS = 0.35
"""Reach of one handle without pins where nothing else was said, as a share of the asset's size."""

OFF_ASSET = 0.05
"""Handles may lie this far from matter, as a share of the asset's size: what is seen is not what is sampled."""

SAME_PLACE = 1e-6
"""Handles closer than this, as a share of the asset's size, are at one place."""

FARTHEST = 1000.0
"""Targets farther away than this many sizes of the asset are a mistake, and nothing that f32 could draw."""

LEAST_MASK = 0.05
"""Where a region lets less than this of a movement through, a handle counts as outside."""

GROUP = 2.5
"""Handles belong to a group within this many of their usual distances."""

TURNING = 0.25
"""Handles turn as a group where less than this share of their movement is left after turning them together."""

BORDER_NOTE = (
    "One handle without pins: what lies beyond its radius is held softly. Pin what shall stay to hold it firmly."
)


@dataclass(frozen=True)
class _Places:
    """Handles first, then pins: points (a,3), the matter point at each (a,), and the binding of each."""

    points: np.ndarray
    near: np.ndarray
    binding: Binding


class Anchors:
    """The anchors of a drag on a rig, handles first, then pins. Raises BadInput.

    rows: (a,n) sparse, the share of each node in each anchored point. is_pin: (a,) bool. hold: (n,), 0 free … 1 fixed.
    bindings: those of the rig under the drag's region. notes: sentences about how the drag was understood.
    """

    def __init__(self, rig: Rig, drag: Drag) -> None:
        self.rig, self.drag = rig, drag
        self.notes: list[str] = []
        _check_numbers(drag)
        _check_conflicts(drag, SAME_PLACE * rig.size)
        self._handles = len(drag.handles)
        self._places = self._locate()
        self.is_pin = np.arange(len(self._places.points)) >= self._handles
        self._mask = rig.mask(drag, self._places.points, self._places.near)
        outside = np.flatnonzero(self._mask[: self._handles] < LEAST_MASK)
        if len(outside):
            raise BadInput(f"Handle {outside[0] + 1} lies outside of the region that may move.")
        self._mask[self.is_pin] = 1.0
        self.bindings = rig.masked_bindings(drag)
        self.rows = self._share_rows()
        self.hold = self._find_hold()

    def goals(self, targets: np.ndarray) -> np.ndarray:
        """Where the anchored points shall be (a,3) for `targets` (h,3) of the handles: further where the region lets
        only a part of the movement through. Raises BadInput."""
        if len(targets) != self._handles or not np.isfinite(targets).all():
            raise BadInput("Every handle needs a target of three numbers.")
        if np.abs(targets - self.rig.centre).max() > FARTHEST * self.rig.size:
            raise BadInput(f"A target lies more than {FARTHEST:g} times the asset's size away.")
        goals = self._places.points.copy()
        sources = goals[: self._handles]
        goals[: self._handles] = sources + (targets - sources) / self._mask[: self._handles, None]
        return goals

    def offsets(self, gradients: np.ndarray) -> np.ndarray:
        """How far each anchored point lies from the blend of its nodes, (a,3), where `gradients` (n,3,3) turn around
        them: Σ wₖ Aₖ (x − pₖ)."""
        binding, nodes = self._places.binding, self.rig.graph.nodes
        away = self._places.points[:, None] - nodes[binding.nodes]
        shares = binding.shares(slice(None))
        return np.einsum("ak,akij,akj->ai", shares, gradients[binding.nodes], away)

    def turns(self, goals: np.ndarray) -> np.ndarray:
        """Rotation vectors (a,3) of the anchors: how handles turn as groups; pins don't. `goals` (a,3) are relative to
        the rig's centre."""
        points = self._places.points - self.rig.centre
        vectors = np.zeros_like(points)
        rotation, left = rigid_fit(points, goals)
        if left < 1e-6 * self.rig.size:
            vectors[:] = logarithm(rotation)
            return vectors
        handles = np.arange(self._handles)
        if not self._turn_group(vectors, points, goals, handles):
            for group in _groups(points[handles]):
                self._turn_group(vectors, points, goals, handles[group])
        return vectors

    def _turn_group(self, vectors: np.ndarray, points: np.ndarray, goals: np.ndarray, group: np.ndarray) -> bool:
        """Writes the turn of some handles where they have one; returns whether they do."""
        if len(group) < 2:
            return False
        rotation, left = rigid_fit(points[group], goals[group])
        moved = goals[group] - points[group]
        # What counts is how they move against each other.
        if left > TURNING * np.linalg.norm(moved - moved.mean(0), axis=1).max():
            return False
        vectors[group] = logarithm(rotation)
        return True

    def _locate(self) -> _Places:
        """Finds the matter under handles and pins. Pins beside the asset are left out, with a note."""
        rig, drag = self.rig, self.drag
        reach = max(OFF_ASSET * rig.size, 4 * rig.matter.spacing)
        sources = np.array([handle.source for handle in drag.handles], np.float64).reshape(-1, 3)
        distances, near = self._nearest(sources)
        if (distances > reach).any():
            index = int(np.argmax(distances))
            raise BadInput(
                f"Handle {index + 1} lies {distances[index]:.3g} away from anything visible of the asset, which is "
                f"{rig.size:.3g} large: put it on what can be seen."
            )
        pins = np.array(drag.pins, np.float64).reshape(-1, 3)
        away, pinned = self._nearest(pins)
        kept = away <= reach
        if not kept.all():
            self.notes.append(f"{int((~kept).sum())} of {len(pins)} pins lie beside the asset and hold nothing.")
        points = np.concatenate([sources, pins[kept]])
        near = np.concatenate([near, pinned[kept]])
        binding = rig.graph.bind(points, near)
        if (binding.weights.sum(1) == 0).any():
            raise BadInput("A handle or pin lies on a part that is too small to be dragged.")
        return _Places(points, near, binding)

    def _nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distances (m,) to the nearest matter of `points` (m,3), and which it is. Where parts touch, several are
        equally near: then the part counts at which most of the points lie."""
        matter, graph = self.rig.matter, self.rig.graph
        if not len(points):
            return np.zeros(0), np.zeros(0, np.int64)
        count = min(8, len(matter.points))
        distances, near = (found.reshape(len(points), count) for found in matter.tree.query(points, k=count))
        equal = distances <= distances[:, :1] + SAME_PLACE * self.rig.size
        parts = np.where(equal, graph.part[np.maximum(graph.owner[near], 0)], -1)
        # A part counts once for each point at which it is among the nearest.
        votes = np.zeros(int(graph.part.max()) + 1)
        for column in range(count):
            fresh = (parts[:, column] >= 0) & ~(parts[:, :column] == parts[:, column : column + 1]).any(1)
            votes += np.bincount(parts[fresh, column], minlength=len(votes))
        best = np.where(equal, votes[np.maximum(parts, 0)], -1.0).argmax(1)
        rows = np.arange(len(points))
        return distances[rows, best], near[rows, best].astype(np.int64)

    def _share_rows(self):
        from scipy.sparse import coo_matrix

        binding = self._places.binding
        count, width = binding.nodes.shape
        rows = np.repeat(np.arange(count), width)
        entries = (binding.shares(slice(None)).ravel(), (rows, binding.nodes.astype(np.int64).ravel()))
        return coo_matrix(entries, (count, len(self.rig.graph))).tocsr()

    def _find_hold(self) -> np.ndarray:
        """How firmly each node is kept: by the region, by the falloff, and because nothing pulls at its part."""
        graph, drag = self.rig.graph, self.drag
        near = self.rig.matter.tree.query(graph.nodes)[1]
        free = self.rig.mask(drag, graph.nodes, near)
        radius = self._radius()
        if radius is not None:
            free = free * self._reach(radius)
        own = self._places.binding.nodes[: self._handles][self._places.binding.weights[: self._handles] > 0]
        pulled = np.zeros(len(graph), bool)
        pulled[np.isin(graph.part, np.unique(graph.part[own]))] = True
        hold = np.where(pulled, 1.0 - free, 1.0)
        # The nodes that carry a handle follow it, however small its radius.
        hold[own] = np.minimum(hold[own], 0.5)
        if not drag.pins and drag.region is None and not drag.dabs and self._handles == 1 and radius is not None:
            self.notes.append(BORDER_NOTE)
        return hold

    def _radius(self) -> float | None:
        """How far handles reach; None: no limit."""
        drag = self.drag
        if drag.radius is not None:
            return max(drag.radius, 1e-9 * self.rig.size)
        lonely = self._handles == 1 and not self._places.binding.weights[1:].any()
        free = drag.region is None and not drag.dabs and not drag.base_fixed
        return LONE_RADIUS * self.rig.size if lonely and free else None

    def _reach(self, radius: float) -> np.ndarray:
        """How much of a handle is left at each node, (n,) 0 … 1, by its distance through matter."""
        graph, places = self.rig.graph, self._places
        reach = np.zeros(len(graph))
        for index in range(self._handles):
            nodes = places.binding.nodes[index][places.binding.weights[index] > 0].astype(np.int64)
            offsets = np.linalg.norm(graph.nodes[nodes] - places.points[index], axis=1)
            distances = graph.distances_from(nodes, offsets, radius)
            reach = np.maximum(reach, fading(self.drag.falloff, distances / radius))
        return reach


def fading(falloff: str, share: np.ndarray) -> np.ndarray:
    """How much of an influence is left at `share` of its radius: 1 at 0 and 0 from 1 on, along one of drag.FALLOFFS."""
    inside = share < 1.0
    left = 1.0 - np.where(inside, share, 1.0)
    curves = {
        "smooth": smoothstep(left),
        "sphere": np.sqrt(np.maximum(1.0 - (1.0 - left) ** 2, 0.0)),
        "root": np.sqrt(left),
        "sharp": left**2,
        "linear": left,
        "constant": np.ones_like(left),
    }
    return np.where(inside, curves[falloff], 0.0)


def _check_numbers(drag: Drag) -> None:
    """Raises BadInput for a drag that pulls nothing or holds numbers that are none."""
    if drag.empty:
        raise BadInput("The drag has no handles, so there is nothing to pull.")
    for index, handle in enumerate(drag.handles, 1):
        if not np.isfinite([handle.source, handle.target]).all():
            raise BadInput(f"Handle {index} holds numbers that are not finite.")
    if not np.isfinite(np.array(drag.pins, np.float64)).all():
        raise BadInput("A pin holds numbers that are not finite.")
    if drag.falloff not in FALLOFFS:
        raise BadInput(f"The falloff of a drag is one of {', '.join(FALLOFFS)}, not {drag.falloff!r}.")
    if drag.radius is not None and not (np.isfinite(drag.radius) and drag.radius > 0):
        raise BadInput(f"The radius of a drag is a positive number, not {drag.radius}.")
    for name, value in (("rigidity", drag.rigidity), ("strength", drag.strength)):
        if not 0.0 <= value <= 1.0:
            raise BadInput(f"The {name} of a drag lies between 0 and 1, not at {value}.")


def _check_conflicts(drag: Drag, reach: float) -> None:
    """Raises BadInput where two anchors ask different things of one place."""
    from scipy.spatial import cKDTree

    sources = np.array([handle.source for handle in drag.handles], np.float64)
    targets = np.array([handle.target for handle in drag.handles], np.float64)
    for first, second in sorted(cKDTree(sources).query_pairs(reach)):
        if np.linalg.norm(targets[first] - targets[second]) > reach:
            raise BadInput(f"Handles {first + 1} and {second + 1} start at one place but have different targets.")
    if drag.pins:
        distances, nearest = cKDTree(np.array(drag.pins, np.float64)).query(sources)
        moving = np.linalg.norm(targets - sources, axis=1) > reach
        for index in np.flatnonzero((distances <= reach) & moving):
            raise BadInput(f"Handle {index + 1} is pulled away from where pin {nearest[index] + 1} holds it.")


def _groups(points: np.ndarray) -> list[np.ndarray]:
    """Handles (h,3) that lie together, as lists of indices."""
    from scipy.spatial import cKDTree

    if len(points) < 2:
        return []
    tree = cKDTree(points)
    usual = float(np.median(tree.query(points, k=2)[0][:, 1]))
    pairs = tree.query_pairs(GROUP * max(usual, 1e-12), output_type="ndarray")
    label = components(len(points), pairs)
    return [np.flatnonzero(label == index) for index in range(label.max() + 1)]
