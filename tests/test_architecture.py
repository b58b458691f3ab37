"""The house is kept: what may import what, where Qt and OpenGL live, and the habits of ARCHITECTURE.md."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("main", "viewer", "renderers", "assets")
"""From the roof to the ground: a room imports from itself and from those behind it in this list."""

QT = {"PySide6", "PyQt6", "PyQt5", "pyqtgraph", "qtawesome", "qtpy", "shiboken6"}
HEAVY = {
    *("torch", "scipy", "trimesh", "PIL", "safetensors", "skimage", "DracoPy", "collada", "networkx", "lxml"),
    *("h5py", "pywt"),
}
WITHOUT_QT = (
    *("session.py", "command_line.py", "headless/*.py", "colors.py", "exporting.py", "hands.py", "navigation.py"),
    *("cursor.py", "planes.py", "decoders.py", "preparing.py", "splat_desk.py"),
    *("bindings.py", "pointer_event.py", "drawing.py", "actions.py", "settings.py", "wording.py", "own_view.py"),
    *("work/runner.py", "work/transfer.py", "work/worker.py", "dragging.py", "tools/*.py"),
    *(f"drag/{name}.py" for name in ("changes", "hand", "live", "marks", "outcomes", "painting", "pairs", "places")),
    *("drag/rigs.py", "drag/state.py", "drag/workpiece.py"),
)
"""Files of viewer/ that scripts, the command line and worker processes run without Qt."""

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
"""The house aims at 40 lines of code; docstrings and wrapped argument lists may take the rest."""

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "misc", "common", "tools_misc"}


def sources(*rooms: str) -> list[Path]:
    """The Python files of these rooms, all without any given."""
    files: list[Path] = []
    for room in rooms or (*ROOMS, "tests"):
        folder = ROOT / room
        files += sorted(folder.rglob("*.py")) if folder.is_dir() else [ROOT / f"{room}.py"]
    return [path for path in files if "__pycache__" not in path.parts]


def label(path: Path) -> str:
    """The path from the root, as the id of a test."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text("utf-8"), filename=str(path))


def imports(path: Path, node: ast.AST | None = None) -> Iterator[tuple[str, int]]:
    """Every imported module by its absolute name, with its line. Relative ones are resolved."""
    package = list(path.relative_to(ROOT).with_suffix("").parts)
    package = package if path.name == "__init__.py" else package[:-1]
    package = [part for part in package if part != "__init__"]
    for found in ast.walk(node or tree(path)):
        if isinstance(found, ast.Import):
            yield from ((alias.name, found.lineno) for alias in found.names)
        elif isinstance(found, ast.ImportFrom):
            above = package[: len(package) - found.level + 1] if found.level else []
            base = ".".join([*above, *([found.module] if found.module else [])])
            # `from . import x` may import a module called x.
            yield from ((f"{base}.{alias.name}" if found.level else base, found.lineno) for alias in found.names)


def module_level(path: Path) -> ast.Module:
    """What runs at import: the file without the bodies of functions and of TYPE_CHECKING."""

    class Strip(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST | None:
            function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            for_checkers = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            return None if function or for_checkers else self.generic_visit(node)

    return Strip().visit(ast.parse(path.read_text("utf-8")))


def top(name: str) -> str:
    """The first word of a dotted name."""
    return name.partition(".")[0]


@pytest.mark.parametrize("path", sources(*ROOMS), ids=label)
def test_imports_only_go_down(path: Path) -> None:
    room = ROOMS.index(path.relative_to(ROOT).with_suffix("").parts[0])
    above = {*ROOMS[:room], "tests"}
    wrong = [f"line {line}: {name}" for name, line in imports(path) if top(name) in above]
    assert not wrong, f"{label(path)} imports from above: {wrong}"


@pytest.mark.parametrize("path", sources("renderers", "assets", "main"), ids=label)
def test_no_qt_outside_the_viewer(path: Path) -> None:
    wrong = [f"line {line}: {name}" for name, line in imports(path) if top(name) in QT]
    assert not wrong


@pytest.mark.parametrize("path", sources("assets"), ids=label)
def test_no_opengl_in_assets(path: Path) -> None:
    assert not [f"line {line}: {name}" for name, line in imports(path) if top(name) == "OpenGL"]


def qt_free_files() -> list[Path]:
    """The files of viewer/ that promise it."""
    return sorted({path for pattern in WITHOUT_QT for path in (ROOT / "viewer").glob(pattern)})


@pytest.mark.parametrize("path", qt_free_files(), ids=label)
def test_promised_files_are_free_of_qt(path: Path) -> None:
    assert not [f"line {line}: {name}" for name, line in imports(path) if top(name) in QT]


def test_promised_files_load_without_qt_and_without_heavy_modules() -> None:
    """Also through what they import: in a fresh interpreter, none of it may arrive."""
    files = [*qt_free_files(), *sources("assets")]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    names += ["main", "renderers.camera", "renderers.framing"]
    names = [name.removesuffix(".__init__") for name in names]
    program = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        f"print(*sorted({QT | HEAVY | {'OpenGL'}!r} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("path", sources(*ROOMS), ids=label)
def test_heavy_modules_are_imported_inside_functions(path: Path) -> None:
    assert not [f"line {line}: {name}" for name, line in imports(path, module_level(path)) if top(name) in HEAVY]


@pytest.mark.parametrize("path", sources(), ids=label)
def test_names_and_lengths(path: Path) -> None:
    forbidden = {part.removesuffix(".py") for part in path.relative_to(ROOT).parts} & FORBIDDEN_NAMES
    assert not forbidden
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= LONGEST_FILE, f"{lines} lines"


def code_lines(function: ast.FunctionDef) -> int:
    """Lines of a function from its first statement after the docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno - body[0].lineno + 1) if body else 0


@pytest.mark.parametrize("path", sources(*ROOMS), ids=label)
def test_functions_are_short(path: Path) -> None:
    functions = [node for node in ast.walk(tree(path)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    long = {node.name: code_lines(node) for node in functions if code_lines(node) > LONGEST_FUNCTION}
    assert not long


def public(node: ast.AST) -> bool:
    """Whether it is a class or function whose name is for others."""
    named = isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
    return named and not node.name.startswith("_")


@cache
def documented_methods() -> set[str]:
    """Names of the methods that some class of the house documents: overrides say nothing new."""
    classes = [node for path in sources(*ROOMS) for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef)]
    return {method.name for node in classes for method in node.body if public(method) and ast.get_docstring(method)}


def qt_override(name: str) -> bool:
    """Whether a method is named as Qt names what it calls: paintEvent, sizeHint."""
    return re.search("[a-z][A-Z]", name) is not None


@pytest.mark.parametrize("path", sources(*ROOMS), ids=label)
def test_public_names_are_documented(path: Path) -> None:
    module = tree(path)
    missing = [] if ast.get_docstring(module) or not module.body else ["the module"]
    exempt = documented_methods()
    for node in filter(public, module.body):
        if not ast.get_docstring(node):
            missing.append(node.name)
        if isinstance(node, ast.ClassDef):
            methods = [method for method in node.body if public(method) and not ast.get_docstring(method)]
            overrides = bool(node.bases)
            missing += [
                f"{node.name}.{method.name}"
                for method in methods
                if not (overrides and (method.name in exempt or qt_override(method.name)))
            ]
    assert not missing, f"{label(path)}: no docstring on {', '.join(missing)}"


@pytest.mark.parametrize("path", sources(*ROOMS), ids=label)
def test_nothing_untrusted_is_unpickled(path: Path) -> None:
    """Calls that can run what a file says. Pickles between our own processes go through two modules alone."""
    wrong = []
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        unsafe_torch = called.endswith("torch.load") and given.get("weights_only") != "True"
        unsafe_numpy = given.get("allow_pickle", "False") != "False"
        unsafe_pickle = called in ("pickle.load", "pickle.loads", "pickle.Unpickler", "joblib.load", "eval", "exec")
        if (
            unsafe_torch
            or unsafe_numpy
            or (unsafe_pickle and label(path) not in ("viewer/work/transfer.py", "viewer/work/worker.py"))
        ):
            wrong.append(f"line {node.lineno}: {called}")
    assert not wrong


@pytest.mark.parametrize("path", sources(*ROOMS), ids=label)
def test_nothing_is_only_for_posix(path: Path) -> None:
    """Modules and functions that Windows lacks."""
    lacking = {"fcntl", "pwd", "grp", "resource", "termios", "tty", "pty", "curses"}
    assert not [f"line {line}: {name}" for name, line in imports(path) if top(name) in lacking]
    calls = [ast.unparse(node.func) for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    assert not {"os.fork", "os.getuid", "os.geteuid", "os.mkfifo", "os.killpg", "os.setsid"} & set(calls)


def test_main_is_short() -> None:
    assert len((ROOT / "main.py").read_text("utf-8").splitlines()) < 90


@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff_is_clean(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "ruff", *arguments, "--no-cache", "--quiet", str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
