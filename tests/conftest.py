"""What all tests share: a fixed environment, the folder of real files, a GL context, a display, no leaked threads."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from tests.processes import ROOT, WITHOUT_QT

# Before any import of OpenGL, Qt or torch: they read these once. One thread each, since two on a busy machine with
# two cores wait for each other longer than they work.
os.environ.setdefault("OMP_NUM_THREADS", "1")
if sys.platform.startswith("linux"):
    os.environ.setdefault("PYOPENGL_PLATFORM", "egl")
    os.environ.setdefault("QT_XCB_GL_INTEGRATION", "xcb_egl")
# Settings and recent files of the person who runs the tests stay untouched.
_config = tempfile.TemporaryDirectory(prefix="triptych-tests-", ignore_cleanup_errors=True)
os.environ["XDG_CONFIG_HOME"] = os.environ["XDG_DATA_HOME"] = _config.name

settings.register_profile("triptych", deadline=None, derandomize=True, max_examples=50, database=None)
settings.load_profile("triptych")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real files and oracles beside the repository, or wherever TRIPTYCH_SHARED says."""
    candidates = [ROOT.parent / "shared"]
    if os.environ.get("TRIPTYCH_SHARED"):
        candidates.insert(0, Path(os.environ["TRIPTYCH_SHARED"]))
    for folder in candidates:
        if (folder / "oracles").is_dir():
            return folder
    pytest.skip(f"needs the real files and oracles, which are not in {candidates[0]} (set TRIPTYCH_SHARED)")


@pytest.fixture(scope="session")
def gl() -> Iterator[object]:
    """A GL context without a window, current in every test that asks for it."""
    from renderers.gl.context import create_context

    context = create_context()
    context.make_current()
    yield context


@pytest.fixture(autouse=True)
def _make_gl_current(request: pytest.FixtureRequest) -> None:
    """A window in another test may have made its own context current in between."""
    if "gl" in request.fixturenames:
        request.getfixturevalue("gl").make_current()


@pytest.fixture(autouse=True)
def _seed() -> None:
    random.seed(0)
    np.random.seed(0)
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "manual_seed"):
        torch.manual_seed(0)


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """A display for windows: the one that is there, or on Linux a virtual one for the time of the tests."""
    if not sys.platform.startswith("linux"):
        yield ""
        return
    if os.environ.get("DISPLAY"):
        yield os.environ["DISPLAY"]
        return
    server = shutil.which("Xvfb")
    if server is None:
        pytest.skip("needs a display, or Xvfb (Debian package xvfb)")
    reader, writer = os.pipe()
    command = [server, "-displayfd", str(writer), "-screen", "0", "1920x1200x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL) as process:
        os.close(writer)
        with os.fdopen(reader) as numbers:
            os.environ["DISPLAY"] = f":{numbers.readline().strip()}"
        yield os.environ["DISPLAY"]
        del os.environ["DISPLAY"]
        process.terminate()


@pytest.fixture(scope="session")
def qapp_args(display: str) -> list[str]:
    """Makes pytest-qt wait for the display before it creates the application."""
    os.environ.setdefault("QT_QPA_PLATFORM", "xcb" if display else "")
    if not os.environ["QT_QPA_PLATFORM"]:
        del os.environ["QT_QPA_PLATFORM"]
    return ["triptych"]


@pytest.fixture(autouse=True)
def _no_thread_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test of the window ends with the threads that it began with, but for those that share the drawing."""
    if "viewer" not in request.path.relative_to(ROOT).parts:
        yield
        return
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 5
    while left := [thread for thread in threading.enumerate() if thread not in before and _is_left(thread)]:
        if time.monotonic() > deadline:
            pytest.fail(f"threads left behind: {', '.join(thread.name for thread in left)}")
        time.sleep(0.02)


def _is_left(thread: threading.Thread) -> bool:
    return thread.is_alive() and not thread.name.startswith("drawing_")


@pytest.fixture
def coarse_bricks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields are baked in their two coarse levels, for tests that only need bricks to be there: the fine ones take
    seconds."""
    monkeypatch.setattr("assets.fields.bricks.bake.LEVELS", (32, 64))


@pytest.fixture(scope="session")
def no_qt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH that makes Qt unimportable."""
    folder = tmp_path_factory.mktemp("no_qt")
    (folder / "sitecustomize.py").write_text(WITHOUT_QT, "utf-8")
    return folder


@pytest.fixture
def triptych(no_qt: Path, tmp_path: Path):
    """Runs main.py in a folder of its own, without a display and without Qt; returns the finished process."""

    def start(*arguments: object, **environment: str) -> subprocess.CompletedProcess:
        env = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
        env |= {"PYTHONPATH": str(no_qt), **environment}
        command = [sys.executable, str(ROOT / "main.py"), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=env, cwd=tmp_path, timeout=120)

    return start
