"""Moves the nodes of a graph as rigidly as possible, so that handles reach their targets and pins stay.

The energy is that of "As-Rigid-As-Possible Surface Modeling" (Sorkine and Alexa 2007) on the links of the graph, with
rotations that are asked to agree with their neighbours' ("Smooth Rotation Enhanced As-Rigid-As-Possible Mesh
Animation", Levi and Gotsman 2015): how much is the rigidity. Two steps take turns: the rotation of each node that fits
its links best, and the positions that fit these rotations best, a linear system that is factored once for a set of
handles and pins. Handles and pins are soft but stiff: what they hold is the moved *point*, blended from four nodes as
everything else is, so a handle need not lie on a node.

Everything starts from rest. `solve` always goes the same way, from a first guess of the rotations (handles that turn as
a group hand their turn on, fading towards what is held) to convergence: its answer hangs on the drag alone, and a drag
there and back ends at rest. `step` goes on from the last answer, a few milliseconds at a time, while the hand moves.
"""

from __future__ import annotations

import numpy as np

from ..asset import Asset
from ..progress import Job, Progress, stage
from ..splats.quaternions import from_matrices
from .acceleration import Acceleration
from .anchors import Anchors
from .binding import Pose
from .drag import Drag
from .rig import NODES, Rig, make_rig
from .rotations import exponential, nearest_rotations, turned_towards
from .warp import Warp

STEPS = 3
"""Rounds of a live step."""

MOST_ROUNDS = 150
CONVERGED = 2e-6
"""Largest movement of a node in a round, as a share of the asset's size, at which a solution is final."""

SETTLED = 1e-4
"""Mean change of a node in a round, in spacings, below which a live picture rests."""

STRIDE, MOST_STRIDES, ROUNDS_PER_STRIDE = 0.08, 12, 6
"""How far handles go at a time on the way to far targets, as a share of the asset's size; how often; how many rounds
each time."""

LARGEST_STRETCH = 4.0
"""Gradients stretch and squash by this factor at most: beyond it splats become needles and fields thin out."""

HANDLE, PIN, HELD = 1e4, 1e5, 1e6
"""Stiffness of handles, of pins and of what may not move, in units of a node's own links."""

LEAST = 1e-12

SOFT_HOLD = 0.25
"""Stiffness with which the falloff of a handle holds a node where half of its influence is gone."""

STIFFEST = 40.0
"""Weight of the agreement of rotations at rigidity 1."""

RESTS = 0.3
"""Share of a node's mean link by which its rotation stands in for a gradient in directions without links."""

KEEPS = 1e-6
"""And share of that by which a node keeps the rotation that it has, where no link says another."""


class Solver:
    """Solves for one set of handles, pins, region and stiffness on one rig, for any targets. Raises BadInput for a drag
    that cannot be (see anchors.py). `notes`: sentences for people about how the drag was understood."""

    def __init__(self, rig: Rig, drag: Drag) -> None:
        self.rig, self.drag = rig, drag
        self._anchors = Anchors(rig, drag)
        self.notes = self._anchors.notes
        self._rest = rig.graph.nodes - rig.centre
        self._link()
        self._factor()
        self._smooth = STIFFEST * drag.rigidity**3
        self.heat = self._influence()
        self._turns = self._moved = self._aim = None
        self._acceleration = Acceleration()

    def step(self, targets: np.ndarray, iterations: int = STEPS) -> Pose:
        """Goes `iterations` rounds from the last answer towards `targets` (h,3) of the asset's frame."""
        if self._moved is None:
            self._moved, self._turns = self._rest.copy(), np.tile(np.eye(3), (len(self._rest), 1, 1))
        goals = self._goals(targets)
        if self._aim is None or not np.array_equal(goals, self._aim):
            self._aim, self._acceleration = goals, Acceleration()
            self._moved = self._place(self._turns, self._turns, goals)
        for _ in range(iterations):
            self._go_round(goals, turned_towards(self._fit(self._moved, self._turns), self._turns))
        return self._pose(goals)

    @property
    def settled(self) -> bool:
        """Whether further steps towards the same targets would change nothing that is seen."""
        return self._acceleration.residual < SETTLED * len(self._rest) ** 0.5

    def solve(self, targets: np.ndarray | None = None) -> Pose:
        """The answer for `targets` (h,3) of the asset's frame, by default the drag's own."""
        goals = self._goals(self.targets() if targets is None else targets)
        self._aim, self._acceleration = goals, Acceleration()
        self._start(goals)
        for _ in range(MOST_ROUNDS):
            before = self._moved
            self._go_round(goals, nearest_rotations(self._fit(before, self._turns)))
            if np.abs(self._moved - before).max(initial=0.0) < CONVERGED * self.rig.size:
                break
        return self._pose(goals)

    def targets(self, strength: float | None = None) -> np.ndarray:
        """Where the drag's handles go at a `strength`, by default the drag's own: (h,3)."""
        return np.array(self.drag.reached(strength))

    def warp(self, drag: Drag, pose: Pose, draft: bool = False) -> Warp:
        """What an asset wears: `drag`, of which only targets and strength may differ from the solver's, at `pose`.
        draft: whether it is shown for a moment only (see `Warp`)."""
        bindings, matter = self._anchors.bindings
        return Warp(drag, self.rig, pose, bindings, matter, self.heat, draft=draft)

    def solve_drag(self) -> Warp:
        """The drag's own answer."""
        return self.warp(self.drag, self.solve())

    def _link(self) -> None:
        """Directed links in rows of equal length, so that sums over a node's links are products of small matrices."""
        from scipy.sparse import coo_matrix, diags

        count, links = len(self._rest), self.rig.graph.links
        directed = np.concatenate([links, links[:, ::-1]])
        directed = directed[np.argsort(directed[:, 0], kind="stable")]
        degrees = np.bincount(directed[:, 0], minlength=count)
        width = max(int(degrees.max(initial=0)), 1)
        place = np.arange(len(directed)) - np.repeat(np.cumsum(degrees) - degrees, degrees)
        self._neighbours = np.repeat(np.arange(count)[:, None], width, 1)
        self._neighbours[directed[:, 0], place] = directed[:, 1]
        edges = self._rest[directed[:, 1]] - self._rest[directed[:, 0]]
        weights = 1.0 / np.maximum((edges**2).sum(1), 1e-24)
        weights *= self.rig.graph.spacing**2
        self._edges, self._weights = np.zeros((count, width, 3)), np.zeros((count, width))
        self._edges[directed[:, 0], place], self._weights[directed[:, 0], place] = edges, weights
        self._weighted = self._edges * self._weights[:, :, None]
        self._degrees = np.maximum(self._weights.sum(1), 1e-9)
        matrix = coo_matrix((weights, (directed[:, 0], directed[:, 1])), (count, count))
        self._laplacian = (diags(self._weights.sum(1)) - matrix).tocsc()
        # Rᵢ eᵢⱼ of every link counts at both of its ends.
        arriving = np.flatnonzero(self._weights.ravel() > 0)
        ends = self._neighbours.ravel()[arriving]
        ones = np.ones(len(arriving))
        starts = arriving // width
        rows, columns = np.r_[ends, starts], np.r_[arriving, arriving]
        self._gather = coo_matrix((np.r_[0.5 * ones, -0.5 * ones], (rows, columns)), (count, count * width)).tocsr()
        moments = np.einsum("nki,nkj->nij", self._weighted, self._edges)
        self._ground = RESTS * np.einsum("nii->n", moments) / 3 + 1e-12 * self.rig.size**2
        self._inverse = np.linalg.inv(moments + self._ground[:, None, None] * np.eye(3))

    def _factor(self) -> None:
        """Factors the system for positions. Its right-hand side is all that changes with the targets."""
        from scipy.sparse import diags
        from scipy.sparse.linalg import splu

        anchors = self._anchors
        typical = float(np.median(self._degrees))
        self._stiffness = typical * np.where(anchors.is_pin, PIN, HANDLE)
        self._fixed = anchors.hold >= 1.0
        self._hold = typical * np.where(self._fixed, HELD, SOFT_HOLD * anchors.hold / (1.001 - anchors.hold))
        rows = anchors.rows
        # The last term is nothing but a guard against a node that hangs on nothing.
        system = self._laplacian + diags(self._hold + LEAST * typical) + rows.T @ diags(self._stiffness) @ rows
        # The matrix is symmetric and positive: without pivoting its factors stay as sparse as it is.
        options = {"SymmetricMode": True}
        self._solve = splu(system.tocsc(), "MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options).solve
        self._pull = (rows.T @ diags(self._stiffness)).tocsr()

    def _start(self, goals: np.ndarray) -> None:
        """A first state: the turns of groups where there are some, else the way of the handles in a few strides, so
        that far targets are reached as a hand would reach them."""
        vectors = self._first_guess(goals)
        self._turns = self._still(exponential(vectors))
        self._moved = self._place(self._turns, self._turns, goals)
        rest = self._anchors.goals(self.targets(0.0)) - self.rig.centre
        way = np.linalg.norm(goals - rest, axis=1).max(initial=0.0) / self.rig.size
        strides = min(int(np.ceil(way / STRIDE)), MOST_STRIDES)
        if vectors.any() or strides < 2:
            return
        self._moved = self._rest
        for share in np.linspace(0.0, 1.0, strides + 1)[1:]:
            between = rest + share * (goals - rest)
            self._moved = self._place(self._turns, self._turns, between)
            for _ in range(ROUNDS_PER_STRIDE):
                self._turns = self._still(turned_towards(self._fit(self._moved, self._turns), self._turns))
                self._moved = self._place(self._turns, self._turns, between)

    def _go_round(self, goals: np.ndarray, turns: np.ndarray) -> None:
        """Takes the rotations that fit best, finds the positions, and goes on from where the acceleration says."""
        count, scale = self._rest.size, 1.0 / self.rig.graph.spacing
        state = np.concatenate([self._moved.ravel() * scale, self._turns.ravel()])
        turns = self._still(turns)
        moved = self._place(turns, turns, goals)
        result = np.concatenate([moved.ravel() * scale, turns.ravel()])
        found = self._acceleration.next(state, result)
        self._moved, self._turns = moved, turns
        if found is not result:
            self._moved = found[:count].reshape(-1, 3) / scale
            # A mixture of rotations is near to one, and they know which.
            self._turns = self._still(turned_towards(found[count:].reshape(-1, 3, 3), turns, rounds=1))

    def _goals(self, targets: np.ndarray) -> np.ndarray:
        """Where the anchors' points shall be, (a,3), relative to the centre."""
        return self._anchors.goals(np.asarray(targets, np.float64).reshape(-1, 3)) - self.rig.centre

    def _fit(self, moved: np.ndarray, turns: np.ndarray) -> np.ndarray:
        """What the rotation of each node has to match, (n,3,3): its links, and its neighbours' rotations."""
        links = moved[self._neighbours] - moved[:, None]
        matrices = links.transpose(0, 2, 1) @ self._weighted
        matrices += (KEEPS * self._ground)[:, None, None] * turns
        if self._smooth:
            around = self._weights[:, None, :] @ turns.reshape(-1, 9)[self._neighbours]
            matrices += (self._smooth * self.rig.graph.spacing**2) * around.reshape(-1, 3, 3)
        return matrices

    def _still(self, turns: np.ndarray) -> np.ndarray:
        """`turns`, or gradients, (n,3,3), in place, with none where nothing may move."""
        turns[self._fixed] = np.eye(3)
        return turns

    def _place(self, turns: np.ndarray, gradients: np.ndarray, goals: np.ndarray) -> np.ndarray:
        """Positions (n,3) that fit `turns` (n,3,3) best, with points near nodes following `gradients` (n,3,3)."""
        turned = self._weighted @ turns.transpose(0, 2, 1)
        right = self._gather @ turned.reshape(-1, 3) + self._hold[:, None] * self._rest
        right += self._pull @ (goals - self._anchors.offsets(gradients))
        return self._solve(right)

    def _first_guess(self, goals: np.ndarray) -> np.ndarray:
        """Rotation vectors (n,3): those of the groups of anchors, as smoothly as can be in between."""
        vectors = self._anchors.turns(goals)
        if not vectors.any():
            return np.zeros_like(self._rest)
        return self._solve(self._pull @ vectors)

    def _influence(self) -> np.ndarray:
        """How much each node feels the handles, (n,) 0 … 1: 1 where they are, as smoothly as can be in between."""
        wanted = np.where(self._anchors.is_pin, 0.0, 1.0)
        felt = self._solve(np.repeat((self._pull @ wanted)[:, None], 3, 1))[:, 0]
        return np.clip(felt, 0.0, 1.0)

    def _pose(self, goals: np.ndarray) -> Pose:
        """The pose of the present positions, with handles exactly where the gradients at their nodes put them."""
        links = self._moved[self._neighbours] - self._moved[:, None]
        matrices = links.transpose(0, 2, 1) @ self._weighted + self._ground[:, None, None] * self._turns
        left, sizes, right = np.linalg.svd(matrices @ self._inverse)
        sizes = np.clip(sizes, 1.0 / LARGEST_STRETCH, LARGEST_STRETCH)
        flip = np.linalg.det(left) * np.linalg.det(right) < 0
        left[flip, :, 2] *= -1.0
        gradients = self._still((left * sizes[:, None, :]) @ right)
        moved = self._place(self._turns, gradients, goals)
        return Pose(moved + self.rig.centre, gradients, from_matrices(self._still(left @ right)))


def dragged(asset: Asset, drag: Drag, nodes: int = NODES) -> Job[tuple[Warp, list[str]]]:
    """A job that makes the warp of `drag`, in the asset's frame, from nothing, and the notes on it. Raises BadInput."""
    rig = yield from stage(make_rig(asset, nodes), 0.0, 0.9)
    yield Progress(0.9, 1, "Solving the drag")
    solver = Solver(rig, drag)
    return solver.solve_drag(), solver.notes
