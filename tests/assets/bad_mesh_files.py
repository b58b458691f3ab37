"""How a hostile mesh file is refused, and sound files for tests to spoil."""

from __future__ import annotations

import base64
import json
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assets.errors import BadInput
from assets.formats import open_path
from assets.mesh import Mesh
from assets.progress import run

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"


def refusal(path: Path) -> str:
    """The sentence behind the file's name with which it is refused, within bounds of time and memory."""
    tracemalloc.start()
    start = time.monotonic()
    try:
        with pytest.raises(BadInput) as caught:
            run(open_path(path))
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
    assert time.monotonic() - start < 10
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and text.endswith(".") and "\n" not in text and "Traceback" not in text
    return text.removeprefix(f"{path}: ")


def opened_mesh(path: Path) -> Mesh:
    (mesh,) = run(open_path(path))
    assert isinstance(mesh, Mesh)
    return mesh


def write_gltf(path: Path, **tree: Any) -> Path:
    path.write_text(json.dumps({"asset": {"version": "2.0"}, **tree}))
    return path


def write_triangle_gltf(path: Path, **changes: Any) -> Path:
    """A sound triangle with its data inside, and `changes` to the top level on top of it."""
    data = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4").tobytes()
    tree = {
        "buffers": [{"byteLength": 36, "uri": "data:;base64," + base64.b64encode(data).decode()}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
    }
    return write_gltf(path, **(tree | changes))
