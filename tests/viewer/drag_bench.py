"""A bar in the hand of the drag tool, without a window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assets.deform.rig import Rig, make_rig
from assets.mesh import Mesh, MeshPart
from assets.progress import run
from tests.assets.deform_shapes import bar
from viewer.drag.live import InlineSolver
from viewer.drag.rigs import FUNCTION
from viewer.dragging import Dragging
from viewer.session import Session
from viewer.work.runner import InlineRunner, Task

END, MIDDLE, START = (5.0, 0.5, 0.0), (0.0, 0.5, 0.0), (-5.0, 0.0, 0.0)
UP = np.array([0.0, 2.0, 0.0])


def bar_mesh() -> Mesh:
    """A bar of 10 × 1 × 1 around the origin."""
    vertices, faces = bar()
    vertices = vertices.astype(np.float32)
    normals = vertices / np.linalg.norm(vertices, axis=1, keepdims=True)
    return Mesh("bar", [MeshPart("bar", vertices, faces.astype(np.int32), normals)])


class RunnerWithRig(InlineRunner):
    """Has the rig of the bar at hand."""

    rig: Rig | None = None

    def start(self, task: Task) -> Task:
        if task.function != FUNCTION:
            return super().start(task)
        RunnerWithRig.rig = self.rig or run(make_rig(*task.arguments))
        task.state = "finished"
        task.on_result(replace(self.rig))
        return task


class Bench:
    """A session with a bar from x = −5 to 5, one unit thick, in the hand; what failed and what was said."""

    def __init__(self, solver: object | None = None) -> None:
        self.session = Session(RunnerWithRig())
        self.asset = bar_mesh()
        self.session.scene.add(self.asset)
        self.session.scene.activate(self.asset)
        self.dragging = Dragging(self.session, solver or InlineSolver())
        self.failed: list[str] = []
        self.said: list[str] = []
        self._on_failed = lambda sentence, _: self.failed.append(sentence)
        self.session.failed.connect(self._on_failed)
        self.dragging.said.connect(lambda words: self.said.append(words))
        self.dragging.activate()

    def pull(self, at: tuple, to: np.ndarray) -> None:
        """A whole pull by the world point `at`."""
        index = self.dragging.pull_at(np.array(at))
        for share in (0.5, 1.0):
            self.dragging.move_target(index, np.array(at) + share * (np.asarray(to) - at))
        self.dragging.finish()

    def moved(self, *places: tuple) -> np.ndarray:
        """Where vertices are now, by where they are at rest."""
        warp = self.asset.warp
        points = np.array(places, np.float64)
        if warp is None:
            return points
        vertices = self.asset.parts[0].vertices
        near = np.array([((vertices - point) ** 2).sum(1).argmin() for point in points])
        return warp.skin.points(vertices[near], warp.bindings[0], near)

    @property
    def entries(self) -> list[str]:
        """The names of what can be undone."""
        history = self.session.history
        return [entry.name for entry in history.entries[: history.cursor]]
