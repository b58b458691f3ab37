"""`make bench`: tables of start-up, loading, drawing and dragging, each case in a fresh process, one after the other.

usage: python -m tests.bench [CASE …]
cases: formats, window, the scenes of scenes.py, drag:SCENE, fields:FAMILY; all without any
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
DRAGS = [f"drag:{name}" for name in ("mesh-1M", "splats-1M", TRIPLANE)]
DRAG_COLUMNS = {
    "rig_s": "rig s",
    "solver_ms": "solver ms",
    "plain_moving_ms": "moving ms",
    "live_ms": "dragging ms",
    "plain_full_ms": "frame ms",
    "bent_full_ms": "bent frame ms",
    "release_s": "release s",
    "peak_mib": "peak MiB",
}
FIELDS = [f"fields:{name}" for name in ("triposr", "eg3d")]
FIELD_COLUMNS = {
    "first_s": "first s",
    "baked_s": "baked s",
    "bricks_mib": "bricks MiB",
    "own_s": "family's frame s",
    "full_ms": "our frame ms",
    "ratio": "times faster",
    "agree_db": "agree dB",
    "grid_s": "family's 256³ s",
    "mesh_s": "our mesh s",
    "mesh_ratio": "times faster",
    "peak_mib": "peak MiB",
}
ORACLES = ROOT.parent / "shared" / "oracles"
LONGEST_S = 600


def main() -> None:
    """Prints the table, row by row as it is measured."""
    cases = sys.argv[1:] or ["formats", "window", *SCENES, *DRAGS, *FIELDS]
    files = make_all(ROOT / "out" / "bench", [name for case in cases if (name := case.removeprefix("drag:")) in SCENES])
    show_drawing([case for case in cases if case not in (*DRAGS, *FIELDS)], files)
    show_dragging([case for case in cases if case in DRAGS], files)
    show_fields([case for case in cases if case in FIELDS])


def heading(columns: dict[str, str]) -> None:
    """The first two lines of a table."""
    print(f"| case | {' | '.join(columns.values())} | load average |")
    print("|---" * (len(columns) + 2) + "|", flush=True)


def show_dragging(cases: list[str], files: dict[str, Path]) -> None:
    """The table of drags."""
    if not cases:
        return
    heading(DRAG_COLUMNS)
    for case in cases:
        file = files[case.removeprefix("drag:")]
        show(case, run([sys.executable, "-m", "tests.bench.drag", str(file)]), DRAG_COLUMNS)
    print(
        "\nmoving: a picture as the window draws it while something moves, of the asset at rest; dragging: from a new"
        "\ntarget to the picture that follows it, solver included; frame: complete pictures, at rest and bent."
    )


def show_fields(cases: list[str]) -> None:
    """The table of fields, of objects that the families' own code has fitted."""
    if not cases:
        return
    heading(FIELD_COLUMNS)
    for case in cases:
        family = case.removeprefix("fields:")
        file = ORACLES / family / "asset.pt"
        if family == "triposr" and not file.exists():
            file = make_all(ROOT / "out" / "bench", [TRIPLANE])[TRIPLANE]
        done = run([sys.executable, "-m", "tests.bench.fields", family, str(file)]) if file.exists() else "no such file"
        show(case, done, FIELD_COLUMNS)
    print(
        "\nfirst, baked: from choosing the file to its first picture and to the finest bricks, in a process that runs."
        "\nfamily's frame: by its own algorithm and numbers of samples, in torch with 2 threads; ours with glFinish;"
        "\nboth at 256×256. agree: of ours, in 8 bits, with that one, which takes no samples by chance."
    )


def show_drawing(cases: list[str], files: dict[str, Path]) -> None:
    """The table of start-up, loading and drawing."""
    if not cases:
        return
    heading(COLUMNS)
    for case in cases:
        if case == "formats":
            show("start: --formats", time_formats())
        elif case == "window":
            show("start: window stands", run([*display(), sys.executable, "-m", "tests.bench.measure", "window"]))
        else:
            own = run([sys.executable, "-m", "tests.bench.measure", "scene", str(files[case])])
            show(case, own)
            if os.environ.get("F3D_PYTHON") and case != TRIPLANE:
                peer = peer_command(case, files[case])
                show(f"{case}, f3d", peer)
                show(f"{case}, share of f3d's", shares(own, peer))
    print(
        "\nSeconds count from the start of the process; first: the first picture, ready: with all that drawing needs."
        "\nframe: median of complete frames of an orbit at 1280×720 with glFinish; moving: as the window draws them."
    )


def shares(own: dict[str, float] | str, peer: dict[str, float] | str) -> dict[str, float] | str:
    """What of the peer's time and memory ours takes, column by column."""
    if isinstance(own, str) or isinstance(peer, str):
        return "not measured"
    return {key: own[key] / peer[key] for key in COLUMNS if key != "frames" and own.get(key) and peer.get(key)}


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
    # As on anybody's machine, modules are compiled to bytecode once.
    env = {"OMP_NUM_THREADS": "1", **os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    try:
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        return f"took longer than {LONGEST_S} s"
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]


def show(case: str, found: dict[str, float] | str, columns: dict[str, str] = COLUMNS) -> None:
    """One row of the table."""
    if isinstance(found, str):
        print(f"| {case} | {found} |", flush=True)
        return
    cells = ["" if found.get(key) is None else number(found[key], key) for key in columns]
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"| {case} | {' | '.join(cells)} | {load} |", flush=True)


def number(value: float, key: str) -> str:
    """As many digits as mean something."""
    if key.endswith("_s") or value < 1:
        return f"{value:.2f}"
    return f"{value:.0f}" if value >= 10 or key == "frames" else f"{value:.1f}"


if __name__ == "__main__":
    main()
