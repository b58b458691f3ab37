"""The scene that opens when nothing else is asked for: three vessels, one of each kind (scripts/make_samples.py)."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

NAMES = ("bottle.glb", "jar.ply", "bowl.safetensors")


def sample_paths() -> list[Path]:
    """The bundled files, in the order in which they stand: a mesh, splats, a triplane."""
    folder = Path(str(files(__name__)))
    return [folder / name for name in NAMES]
