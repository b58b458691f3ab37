"""Measures one case in a process of its own and prints it as one line of JSON.

usage: python -m tests.bench.measure scene FILE STARTED   |   window STARTED      (STARTED: time.time() of the caller)
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

SIZE = (1280, 720)
STEP_DEG, ELEVATION_DEG, FOV_DEG = 3.0, 18.0, 50.0
SECONDS_PER_CASE = 6.0
FEWEST, MOST = 3, 30


def measure_scene(path: Path, started: float) -> dict[str, float]:
    """Load, first picture, complete picture, and the time of full and of budgeted frames of an orbit."""
    from assets.formats import open_path
    from assets.progress import Partial, run
    from assets.scene import Scene
    from renderers.frame import Frame, FrameSettings
    from renderers.gl.context import create_context
    from renderers.splats.loops import warm_up

    create_context()
    warm_up()  # as the window does when it appears
    found: dict[str, float] = {}
    scene = Scene()
    for asset in run(open_path(path)):
        scene.add(asset)
    found["load_s"] = time.time() - started
    frame, settings = Frame(), FrameSettings(background="transparent")
    orbit = Orbit(path.stem)
    picture = frame.draw(scene, orbit.camera(0), settings)
    if picture.any():
        found["first_s"] = time.time() - started
    for asset in scene:
        for event in asset.preparation() or ():
            if isinstance(event, Partial):
                asset.accept(event.value)
                if not picture.any():
                    picture = frame.draw(scene, orbit.camera(0), settings)
                    found.setdefault("first_s", time.time() - started)
    found.setdefault("first_s", time.time() - started)
    found["ready_s"] = time.time() - started
    if not picture.any():
        raise SystemExit(f"nothing is seen of {path}")
    found |= time_full_frames(frame, scene, orbit, settings)
    found["moving_ms"] = time_moving_frames(frame, scene, orbit, settings)
    return found


class Orbit:
    """The camera of every frame, a step further each time: the orbit on which other viewers were measured."""

    DISTANCES = {"splats": 4.2, "mesh": 3.0, "triplane": 2.4}

    def __init__(self, scene: str) -> None:
        kind = scene.partition("-")[0]
        self.middle = np.array([0.0, 0.0 if kind == "triplane" else -0.1, 0.0])
        self.distance = self.DISTANCES[kind]

    def camera(self, index: int):
        """The camera of frame `index`."""
        from renderers.camera import Camera

        turn, rise = np.radians(STEP_DEG * index), np.radians(ELEVATION_DEG)
        back = np.array([np.cos(rise) * np.sin(turn), np.sin(rise), np.cos(rise) * np.cos(turn)])
        return Camera.look_at(self.middle + back * self.distance, self.middle, (0, 1, 0), FOV_DEG, *SIZE)


def draw(frame, scene, camera, settings, quality) -> None:
    """One frame until the card has finished it."""
    from OpenGL import GL

    while not frame.sync(scene, 1.0):
        pass
    frame.begin(scene, camera, settings, quality)
    while not frame.step(1.0):
        pass
    GL.glFinish()


def time_full_frames(frame, scene, orbit: Orbit, settings) -> dict[str, float]:
    """Median wall and mean CPU time (of all threads) of complete frames, ms."""
    from renderers.renderer import Quality

    draw(frame, scene, orbit.camera(0), settings, Quality())
    walls: list[float] = []
    start, cpu = time.perf_counter(), time.process_time()
    while len(walls) < MOST and (len(walls) < FEWEST or time.perf_counter() - start < SECONDS_PER_CASE):
        begin = time.perf_counter()
        draw(frame, scene, orbit.camera(len(walls) + 1), settings, Quality())
        walls.append(time.perf_counter() - begin)
    spent = time.process_time() - cpu
    return {"full_ms": 1e3 * float(np.median(walls)), "cpu_ms": 1e3 * spent / len(walls), "frames": len(walls)}


def time_moving_frames(frame, scene, orbit: Orbit, settings) -> float:
    """Median wall time of frames as the window draws them while the camera moves, after it has found its pace, ms."""
    from renderers.budget import Budget

    budget, walls = Budget(), []
    for index in range(60):
        begin = time.perf_counter()
        draw(frame, scene, orbit.camera(index), settings, budget.quality)
        walls.append(1e3 * (time.perf_counter() - begin))
        budget.observe(walls[-1])
    return float(np.median(walls[30:]))


def measure_window(started: float) -> dict[str, float]:
    """Until the empty window stands on the screen."""
    from viewer.app import make_application, make_window

    application = make_application()
    window = make_window()
    window.show()
    while not window.windowHandle().isExposed():
        application.processEvents()
    application.processEvents()
    seconds = time.time() - started
    window.close()
    return {"first_s": seconds}


def peak_mib() -> float | None:
    """Largest resident memory of this process, MiB; None where the system does not tell."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main() -> None:
    """Measures what the arguments say."""
    what, *rest = sys.argv[1:]
    tell(measure_window(float(rest[0])) if what == "window" else measure_scene(Path(rest[0]), float(rest[1])))


def tell(found: dict[str, float]) -> None:
    """Prints what was found, and the memory that it took, as one line of JSON, and ends the process."""
    found["peak_mib"] = peak_mib()
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()
    # Nothing after the measurement matters; drivers have been seen to crash while they are torn down.
    os._exit(0)


if __name__ == "__main__":
    main()
