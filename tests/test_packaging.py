"""What a newcomer gets: locked versions, a package with all its files, and two commands that work."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from tests.processes import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
ROOMS = ("viewer", "renderers", "assets")


def pins(name: str) -> dict[str, str]:
    """The exact versions in a lock file, by normalised name. Fails on a line that is not exact."""
    found: dict[str, str] = {}
    for line in (ROOT / name).read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            match = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.]+)( *; *[^=]+[=!]=.*)?", line.strip())
            assert match, f"{name}: {line!r} is not an exact version"
            found[normal(match[1])] = match[2]
    return found


def normal(name: str) -> str:
    """A package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_direct_dependencies_are_locked_to_the_same_versions() -> None:
    locked, dev = pins("requirements.lock"), pins("requirements-dev.lock")
    for wanted, lock in (
        (PROJECT["project"]["dependencies"], locked),
        (PROJECT["project"]["optional-dependencies"]["dev"], dev),
    ):
        for requirement in wanted:
            name, version = requirement.split("==")
            assert lock.get(normal(name)) == version, requirement
    assert not set(locked) & set(dev)


def test_everything_that_is_required_is_locked() -> None:
    """Follows the requirements of the installed packages: none of them may be missing in the lock."""
    locked = pins("requirements.lock") | pins("requirements-dev.lock")
    for name in locked:
        try:
            required = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            pytest.fail(f"{name} is locked but not installed")
        for requirement in required:
            name_of_it = re.match(r"[A-Za-z0-9._-]+", requirement)[0]
            plain = ";" not in requirement
            assert not plain or normal(name_of_it) in locked, f"{name} needs {name_of_it}, which is not locked"


def test_the_locked_versions_are_the_installed_ones() -> None:
    for name, version in pins("requirements.lock").items():
        installed = metadata.version(name).partition("+")[0]
        if name != "setuptools":
            assert installed == version, f"{name}: {installed} is installed, {version} is locked"


def test_every_file_of_a_room_is_packaged() -> None:
    """A file that is no Python must be named by a pattern of package-data, or the installed program lacks it."""
    patterns = PROJECT["tool"]["setuptools"]["package-data"]
    left_out = []
    for room in ROOMS:
        for path in (ROOT / room).rglob("*"):
            inside = path.relative_to(ROOT / room).as_posix()
            if path.is_file() and path.suffix not in (".py", ".pyc") and "__pycache__" not in path.parts:
                loose = [pattern.replace("**/", "*") for pattern in patterns.get(room, ())]
                if not any(fnmatch.fnmatch(inside, pattern) for pattern in loose):
                    left_out.append(f"{room}/{inside}")
    assert not left_out


def test_the_version_is_said_once() -> None:
    from assets import __version__

    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(r"^## (\S+)", changelog, re.MULTILINE)[1] == __version__
    assert "version" in PROJECT["project"]["dynamic"]


def test_no_copyleft_reader_is_bundled() -> None:
    """plyfile is GPL; our readers are our own."""
    assert "plyfile" not in pins("requirements.lock") | pins("requirements-dev.lock")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_scripts_are_posix_and_ci_calls_make_test() -> None:
    for script in [*(ROOT / "scripts").glob("*.sh"), ROOT / ".ci" / "run"]:
        shell = "sh" if script.suffix == ".sh" else "bash"
        done = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "make test" in (ROOT / ".ci" / "run").read_text("utf-8")


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_the_makefile_has_its_commands() -> None:
    for target in ("run", "test", "test-all", "bench", "clean"):
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_pip_install_gives_a_command_that_works_anywhere(tmp_path: Path, shared: Path) -> None:
    """In an empty environment and outside the repository: formats, a picture (shaders) and the samples."""
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "out", "tests", "build", "*.egg-info")
    shutil.copytree(ROOT, source, ignore=ignored)
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    scripts = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    subprocess.run([str(scripts / "python"), "-m", "pip", "install", "--quiet", str(source)], check=True)
    shutil.rmtree(source)
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "DISPLAY")}

    def triptych(*arguments: str) -> subprocess.CompletedProcess:
        command = [str(scripts / "triptych"), *arguments]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)

    assert "triplane" in triptych("--formats").stdout
    program = "from assets.samples import sample_paths; print(*sample_paths(), sep='\\n')"
    listed = subprocess.run([str(scripts / "python"), "-c", program], cwd=tmp_path, capture_output=True, text=True)
    samples = listed.stdout.splitlines()
    assert len(samples) >= 3 and all(Path(sample).is_file() for sample in samples)
    done = triptych(*samples, "--screenshot", "out.png", "--size", "160x90")
    assert (done.returncode, done.stderr) == (0, "") and (tmp_path / "out.png").stat().st_size > 1000
