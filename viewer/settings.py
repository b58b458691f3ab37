"""The user's settings: each declared once; the preferences dialog, the JSON file and the tests read this table.

The file is versioned and trusted in nothing: a value that is unknown or out of its domain is dropped, and the default
stands. `TRIPTYCH_CONFIG` names another folder than the platform's, for tests and for carrying settings along.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from assets.display import Setting, setting
from assets.errors import BadInput
from assets.signal import Signal

VERSION = 1

BACKGROUNDS: dict[str, str | tuple[float, float, float]] = {
    "gradient": "gradient",
    "black": (0.0, 0.0, 0.0),
    "grey": (0.5, 0.5, 0.5),
    "white": (1.0, 1.0, 1.0),
    "chequered": "transparent",
}
"""Names of the viewport's backgrounds and what a frame calls them."""


@dataclass
class Settings:
    """The declared settings with their defaults."""

    theme: str = setting("dark", "Theme", "Colours of the window", choices=("dark", "light"))
    background: str = setting(
        "gradient", "Background", "What lies behind the scene in the viewport", choices=tuple(BACKGROUNDS)
    )
    grid: bool = setting(True, "Grid", "Show the ground grid")
    axes: bool = setting(True, "Axes", "Show which way the axes point, in the corner of the viewport")
    up: str = setting(
        "auto", "Up axis", "Which axis of the world points up; auto: what the files say",
        choices=("auto", "y", "-y", "z", "-z"),
    )  # fmt: skip
    fov: float = setting(45.0, "Field of view", "Vertical angle of the lens", low=5.0, high=120.0, step=1.0, unit="°")
    motion: bool = setting(True, "Ease camera moves", "Glide to a new view in 0.2 s instead of jumping")
    zoom_speed: float = setting(1.0, "Zoom speed", "Factor on each notch of the wheel", low=0.1, high=5.0, step=0.1)
    invert_wheel: bool = setting(False, "Invert wheel", "Zoom in when the wheel turns towards you")
    frame_ms: float = setting(
        33.0, "Frame time while moving", "Less is drawn where the full picture takes longer than this",
        low=10.0, high=200.0, step=1.0, unit="ms",
    )  # fmt: skip
    exact_still: bool = setting(
        False, "Exact when still", "Compute the reference picture when the camera rests: slow, but as the family's code"
    )
    spz_frame: str = setting(
        "rub", "Axes of .spz files", "Of those that don't say: rub, as specified, or ply, as trainers have them",
        choices=("rub", "ply"),
    )  # fmt: skip
    recent_limit: int = setting(
        12, "Recent files", "How many files the start page and the menu remember", low=0, high=50
    )


def declared() -> tuple[Setting, ...]:
    """The settings, in order."""
    return tuple(Setting(name=entry.name, **entry.metadata["setting"]) for entry in fields(Settings))


class SettingsFile:
    """The settings and the file that keeps them. `changed(name)` is emitted after a value changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.values = Settings()
        self.changed = Signal()
        self._declared = {entry.name: entry for entry in declared()}
        self._load()

    def set(self, name: str, value: Any) -> None:
        """Sets and keeps one value. Raises BadInput for one outside its domain, KeyError for an unknown name."""
        value = self._declared[name].check(value)
        if value != getattr(self.values, name):
            setattr(self.values, name, value)
            self._save()
            self.changed.emit(name)

    def reset(self) -> None:
        """Goes back to the defaults."""
        for name, entry in self._declared.items():
            self.set(name, entry.default)

    @property
    def _path(self) -> Path:
        return self.folder / "settings.json"

    def _load(self) -> None:
        kept = read_json(self._path)
        if kept.get("version") != VERSION or not isinstance(kept.get("values"), dict):
            return
        for name, value in kept["values"].items():
            with contextlib.suppress(KeyError, BadInput, ValueError, TypeError):
                setattr(self.values, name, self._declared[name].check(value))

    def _save(self) -> None:
        values = {name: getattr(self.values, name) for name in self._declared}
        write_json(self._path, {"version": VERSION, "values": values})


def config_folder(platform_folder: str) -> Path:
    """Where settings are kept: `TRIPTYCH_CONFIG`, or the folder that the platform names."""
    return Path(os.environ.get("TRIPTYCH_CONFIG") or platform_folder)


def read_json(path: Path) -> dict:
    """The JSON object in a file of our own; an empty one where it is missing or damaged."""
    try:
        kept = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def write_json(path: Path, value: dict) -> None:
    """Writes a file of our own by renaming. A folder that cannot be written costs the memory, not the session."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}.tmp")
        fresh.write_text(json.dumps(value, indent=1), "utf-8")
        fresh.replace(path)
