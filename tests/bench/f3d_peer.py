"""The same orbit drawn by f3d, for a ratio measured on the same machine in the same run. Needs the package f3d.

usage: python f3d_peer.py FILE STARTED (it imports nothing of ours, so any interpreter that has f3d will do)
"""

from __future__ import annotations

import ctypes
import json
import math
import sys
import time
from collections.abc import Callable
from contextlib import suppress

SIZE = (1280, 720)


def finisher() -> Callable[[], None]:
    """Waits until the driver has drawn: a software GL does so when it is asked to."""
    for name in ("libOpenGL.so.0", "libGL.so.1"):
        with suppress(OSError):
            return ctypes.CDLL(name).glFinish
    return lambda: None


def main() -> None:
    """Draws the orbit and prints one line of JSON."""
    import f3d

    finish = finisher()
    path, started, middle, distance = sys.argv[1], float(sys.argv[2]), json.loads(sys.argv[3]), float(sys.argv[4])
    engine = f3d.Engine.create_egl() if sys.platform.startswith("linux") else f3d.Engine.create(True)
    engine.window.size = SIZE
    engine.options.update({"scene.up_direction": [0.0, 1.0, 0.0], "render.grid.enable": False, "ui.axis": False})
    if "splats" in path:
        engine.options["model.point_sprites.type"] = "gaussian"
        engine.options["model.point_sprites.absolute_size"] = True
        engine.options["model.point_sprites.size"] = 1.0
        engine.options["render.effect.blending.mode"] = "sort_cpu"
    engine.scene.add(path)
    load = time.time() - started

    def draw(index: int) -> None:
        turn, rise = math.radians(3.0 * index), math.radians(18.0)
        back = (math.cos(rise) * math.sin(turn), math.sin(rise), math.cos(rise) * math.cos(turn))
        state = engine.window.camera.state
        state.position = tuple(m + distance * b for m, b in zip(middle, back))
        state.focal_point, state.view_up, state.view_angle = tuple(middle), (0.0, 1.0, 0.0), 50.0
        engine.window.camera.state = state
        engine.window.render()
        finish()

    draw(0)
    first, walls, cpu = time.time() - started, [], time.process_time()
    while len(walls) < 30 and (len(walls) < 3 or sum(walls) < 6.0):
        begin = time.perf_counter()
        draw(len(walls) + 1)
        walls.append(time.perf_counter() - begin)
    spent = 1e3 * (time.process_time() - cpu) / len(walls)
    found = {"load_s": load, "first_s": first, "full_ms": 1e3 * sorted(walls)[len(walls) // 2], "cpu_ms": spent}
    sys.stdout.write(json.dumps(found | {"frames": len(walls)}) + "\n")


if __name__ == "__main__":
    main()
