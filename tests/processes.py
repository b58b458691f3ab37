"""Running the command line in a process of its own, and what its end must look like."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

WITHOUT_QT = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("PySide6", "shiboken6", "pyqtgraph", "qtawesome", "qtpy"):
            raise ImportError(f"{name} is not to be imported here")

sys.meta_path.insert(0, Blocked())
"""


def refused(done: subprocess.CompletedProcess, *words: str, code: int = 2) -> None:
    """It ended with `code`, nothing on stdout, and one sentence on stderr with these words in it."""
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr.count("\n") == 1 and done.stderr.endswith(".\n"), done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def succeeded(done: subprocess.CompletedProcess) -> str:
    """It ended well and said nothing on stderr; returns what it printed."""
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout
