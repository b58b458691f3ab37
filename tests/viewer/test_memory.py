"""What the window remembers: settings, recent files, layout. And the session, without any window."""

from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QObject, Signal

from assets.display import Setting
from assets.errors import BadInput
from assets.preparation import prepare
from assets.progress import run
from renderers.gl.lifetime import living
from tests.small_assets import gaussians, mesh
from tests.viewer.conftest import close_for_good, opened
from viewer.app import make_window
from viewer.recent_files import RecentFiles
from viewer.session import Session
from viewer.settings import Settings, SettingsFile, config_folder, declared
from viewer.wording import count, memory, totals


@pytest.mark.parametrize("entry", declared(), ids=lambda entry: entry.name)
def test_setting_is_whole(entry: Setting) -> None:
    assert entry.label and entry.help and entry.help[0].isupper()
    assert entry.check(entry.default) == getattr(Settings(), entry.name)


def test_settings_are_kept(tmp_path: Path) -> None:
    first = SettingsFile(tmp_path)
    first.set("theme", "light")
    first.set("fov", 60)
    with pytest.raises(BadInput):
        first.set("fov", 500)
    second = SettingsFile(tmp_path)
    assert (second.values.theme, second.values.fov) == ("light", 60.0)
    second.reset()
    assert SettingsFile(tmp_path).values == Settings()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"version": 99, "values": {"theme": "light"}}', '{"version": 1, "values": 3}', "\0\xff"],
)
def test_damaged_settings_give_defaults(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.json").write_text(text, "latin-1")
    assert SettingsFile(tmp_path).values == Settings()


def test_bad_values_are_dropped_one_by_one(tmp_path: Path) -> None:
    values = {"theme": "pink", "fov": "wide", "zoom_speed": 2.0, "gone": 1, "recent_limit": None}
    (tmp_path / "settings.json").write_text(json.dumps({"version": 1, "values": values}), "utf-8")
    assert SettingsFile(tmp_path).values == Settings(zoom_speed=2.0)


def test_config_folder_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TRIPTYCH_CONFIG", raising=False)
    assert config_folder("/platform") == Path("/platform")
    monkeypatch.setenv("TRIPTYCH_CONFIG", str(tmp_path))
    assert config_folder("/platform") == tmp_path


def test_recent_files_newest_first_and_limited(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.ply" for number in range(5)]
    for path in files:
        path.touch()
    recent = RecentFiles(tmp_path / "config", 3)
    for path in (*files, files[2]):
        recent.note(path, "mesh")
    again = RecentFiles(tmp_path / "config", 3)
    assert [entry.path for entry in again.existing()] == [files[2], files[4], files[3]]
    again.clear()
    assert RecentFiles(tmp_path / "config", 3).existing() == []


def test_damaged_recent_files(tmp_path: Path) -> None:
    (tmp_path / "recent.json").write_text('{"files": [1, ["a"], ["", "x"], ["/none", "mesh"], null]}', "utf-8")
    assert RecentFiles(tmp_path, 5).existing() == []


def test_layout_survives(qapp: object, config: Path) -> None:
    first = make_window()
    first.show()
    first.docks["inspector"].close()
    close_for_good(first)
    second = make_window()
    second.show()
    assert not second.docks["inspector"].isVisible() and second.docks["scene"].isVisible()
    second.reset_layout()
    assert second.docks["inspector"].isVisible()
    close_for_good(second)


def test_a_closed_window_leaves_nothing_behind(qapp: object, config: Path, splat_file: Path, mesh_file: Path) -> None:
    before = dict(+living)

    def use() -> list[weakref.ref]:
        window = make_window()
        window.show()
        opened(window, splat_file, mesh_file)
        assert dict(+living) != before
        close_for_good(window)
        assert not shiboken6.isValid(window)
        return [weakref.ref(part) for part in (window, window.viewport, window.session, *window.session.scene)]

    held = use()
    gc.collect()
    assert len(held) == 5 and not [part for part in held if part() is not None]
    assert dict(+living) == before


def test_session_without_a_window(tmp_path: Path, mesh_file: Path) -> None:
    session = Session()
    failures: list[str] = []
    remember = lambda sentence, details: failures.append(sentence)  # noqa: E731  a plain function is held
    session.failed.connect(remember)
    session.open([mesh_file, tmp_path / "none.ply"])
    (cube,) = session.scene
    assert failures == [f"{tmp_path / 'none.ply'}: does not exist."]
    session.rename(cube, "  box ")
    session.rename(cube, " ")
    assert cube.name == "box" and failures[-1] == "An asset needs a name."
    assert not session.set_display(cube, "mode", "upside down") and "Mode is one of" in failures[-1]
    session.save(cube, tmp_path / "box.stl")
    assert (tmp_path / "box.stl").stat().st_size > 100
    session.save(cube, tmp_path / "box.nope")
    assert "cannot be saved as .nope" in failures[-1]
    session.clear()
    assert len(session.scene) == 0


def test_preparing_what_needs_nothing_is_quick() -> None:
    assert run(prepare(mesh())) is None


def test_show_only_and_all() -> None:
    session = Session()
    first, second = mesh(), gaussians()
    session.scene.add(first)
    session.scene.add(second)
    session.show_only(second)
    assert (first.visible, second.visible) == (False, True)
    session.show_all()
    assert first.visible
    session.set_display(second, "size", 2.0)
    session.reset_display(second)
    assert second.display.size == 1.0


def test_wording() -> None:
    assert count(1234567) == "1\u202f234\u202f567"
    assert memory(3 << 20) == "3.0 MiB" and memory(5 << 30) == "5.00 GiB"
    assert totals([gaussians(), gaussians(), mesh()]) == "198 splats · 12 faces"


def test_the_qt_binding_keeps_its_counts() -> None:
    """PySide6 6.12.0 with Python 3.11 gives up one reference to None or True per call, which ends the process soon."""
    import sys

    class Source(QObject):
        told = Signal()

    source = Source()
    before = sys.getrefcount(None), sys.getrefcount(True)
    for _ in range(100):
        source.told.emit()
        source.setObjectName("x")
    lost = [
        earlier - later for earlier, later in zip(before, [sys.getrefcount(None), sys.getrefcount(True)], strict=True)
    ]
    assert max(lost) < 50, "this PySide6 is broken; install the locked version"
