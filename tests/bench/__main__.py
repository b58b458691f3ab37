"""`make bench`: one table of start-up, loading and drawing, each case in a fresh process, one after the other.

usage: python -m tests.bench [CASE …]     cases: formats, window, and the scenes of scenes.py; all without any
F3D_PYTHON names an interpreter that has the package f3d; its rows then stand under ours.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from .measure import Orbit
from .scenes import MESHES, SPLATS, TRIPLANE, make_all

ROOT = Path(__file__).resolve().parent.parent.parent
SCENES = [*SPLATS, *MESHES, TRIPLANE]
COLUMNS = {
    "load_s": "load s",
    "first_s": "first s",
    "ready_s": "ready s",
    "full_ms": "frame ms",
    "cpu_ms": "CPU ms",
    "moving_ms": "moving ms",
    "frames": "frames",
    "peak_mib": "peak MiB",
}
LONGEST_S = 600


def main() -> None:
    """Prints the table, row by row as it is measured."""
    cases = sys.argv[1:] or ["formats", "window", *SCENES]
    files = make_all(ROOT / "out" / "bench", [case for case in cases if case in SCENES])
    print(f"| case | {' | '.join(COLUMNS.values())} | load average |")
    print("|---" * (len(COLUMNS) + 2) + "|", flush=True)
    for case in cases:
        if case == "formats":
            show("start: --formats", time_formats())
        elif case == "window":
            show("start: window stands", run([*display(), sys.executable, "-m", "tests.bench.measure", "window"]))
        else:
            show(case, run([sys.executable, "-m", "tests.bench.measure", "scene", str(files[case])]))
            if os.environ.get("F3D_PYTHON") and case != TRIPLANE:
                show(f"{case}, f3d", peer_command(case, files[case]))
    print(
        "\nSeconds count from the start of the process; first: the first picture, ready: with all that drawing needs."
        "\nframe: median of complete frames of an orbit at 1280×720 with glFinish; moving: as the window draws them."
    )


def peer_command(name: str, path: Path) -> dict[str, float] | str:
    """The same case by f3d."""
    orbit = Orbit(name)
    where = [json.dumps(orbit.middle.tolist()), str(orbit.distance)]
    return run([os.environ["F3D_PYTHON"], str(ROOT / "tests/bench/f3d_peer.py"), str(path)], where)


def time_formats() -> dict[str, float]:
    """`main.py --formats`, the median of five."""
    walls = []
    for _ in range(5):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "main.py", "--formats"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        walls.append(time.perf_counter() - begin)
    return {"ready_s": sorted(walls)[2]}


def display() -> list[str]:
    """What gives a command a display where there is none."""
    if not sys.platform.startswith("linux") or os.environ.get("DISPLAY"):
        return []
    return ["xvfb-run", "-a", "-s", "-screen 0 1920x1080x24"] if shutil.which("xvfb-run") else []


def run(command: list[str], more: list[str] | None = None) -> dict[str, float] | str:
    """What a measuring process printed, or why it did not."""
    command = [*command, repr(time.time()), *(more or [])]
    env = {"OMP_NUM_THREADS": "1", **os.environ}
    try:
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        return f"took longer than {LONGEST_S} s"
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]


def show(case: str, found: dict[str, float] | str) -> None:
    """One row of the table."""
    if isinstance(found, str):
        print(f"| {case} | {found} |", flush=True)
        return
    cells = ["" if found.get(key) is None else number(found[key], key) for key in COLUMNS]
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"| {case} | {' | '.join(cells)} | {load} |", flush=True)


def number(value: float, key: str) -> str:
    """As many digits as mean something."""
    return (
        f"{value:.2f}" if key.endswith("_s") else f"{value:.0f}" if value >= 10 or key == "frames" else f"{value:.1f}"
    )


if __name__ == "__main__":
    main()
