"""Measures dragging: the rig, the solver, and the time from a movement of the hand to the next picture.

usage: python -m tests.bench.drag FILE STARTED (STARTED: time.time() of the caller); prints one line of JSON
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from .measure import Orbit, draw, tell

MOVES = 40
REACH = 0.25
"""Radius of the pull and how far it goes, as shares of the asset's size."""


def measure_drag(path: Path) -> dict[str, float]:
    """Times of one pull at what is seen in the middle of the picture.

    rig_s: from the asset to a rig. solver_ms: a live step at 512 nodes. live_ms: from a target to the picture that
    follows it, as the window draws it while something moves; plain_ms: the same picture of the asset at rest.
    full_ms and plain_full_ms: complete pictures of the bent asset and of the asset at rest. release_s: the converged
    solution.
    """
    from assets.deform.drag import Drag, Handle, as_point
    from assets.deform.rig import make_rig
    from assets.deform.solver import Solver
    from assets.formats import open_path
    from assets.progress import run
    from assets.scene import Scene
    from renderers.budget import Budget
    from renderers.frame import Frame, FrameSettings
    from renderers.gl.context import create_context
    from renderers.renderer import Quality

    create_context()
    (asset,) = run(open_path(path))
    job = asset.preparation()
    if job is not None:
        run(job, on_partial=asset.accept)
    scene, frame, settings = Scene(), Frame(), FrameSettings(background="transparent")
    scene.add(asset)
    orbit = Orbit(path.stem)
    camera = orbit.camera(0)
    draw(frame, scene, camera, settings, Quality())
    began = time.perf_counter()
    rig = run(make_rig(asset))
    found = {"rig_s": time.perf_counter() - began}
    source = frame.pick(scene, camera, camera.width / 2, camera.height / 2).point
    toward = camera.camera_to_world[:3, 1] * REACH * rig.size
    solver = Solver(rig, Drag((Handle(as_point(source), as_point(source + toward)),), radius=REACH * rig.size))
    found |= time_pictures(frame, scene, orbit, settings, "plain")
    warp = asset.set_warp
    warp(solver.warp(solver.drag, solver.solve(source[None])))
    budget, steps, lives = Budget(), [], []
    for move in range(2 * MOVES):
        began = time.perf_counter()
        pose = solver.step(source[None] + (move % MOVES) / MOVES * toward)
        steps.append(time.perf_counter() - began)
        warp(solver.warp(solver.drag, pose, draft=True))
        drawn = time.perf_counter()
        draw(frame, scene, camera, settings, budget.quality)
        lives.append(time.perf_counter() - began)
        budget.observe(1e3 * (time.perf_counter() - drawn))
    found |= {"solver_ms": 1e3 * float(np.median(steps)), "live_ms": 1e3 * float(np.median(lives[MOVES:]))}
    began = time.perf_counter()
    warp(solver.solve_drag())
    found["release_s"] = time.perf_counter() - began
    bent = time_pictures(frame, scene, orbit, settings, "bent")
    return found | bent


def time_pictures(frame, scene, orbit: Orbit, settings, name: str) -> dict[str, float]:
    """Medians of pictures along an orbit: complete ones, and as the window draws them while something moves; ms."""
    from renderers.budget import Budget
    from renderers.renderer import Quality

    draw(frame, scene, orbit.camera(0), settings, Quality())
    full, moving, budget = [], [], Budget()
    while len(full) < 12 and (len(full) < 3 or sum(full) < 5.0):
        began = time.perf_counter()
        draw(frame, scene, orbit.camera(len(full) + 1), settings, Quality())
        full.append(time.perf_counter() - began)
    for index in range(2 * MOVES):
        began = time.perf_counter()
        draw(frame, scene, orbit.camera(index), settings, budget.quality)
        moving.append(time.perf_counter() - began)
        budget.observe(1e3 * moving[-1])
    return {
        f"{name}_full_ms": 1e3 * float(np.median(full)),
        f"{name}_moving_ms": 1e3 * float(np.median(moving[MOVES:])),
    }


def main() -> None:
    """Measures the file of the arguments."""
    tell(measure_drag(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
