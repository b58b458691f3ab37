"""Shader files: includes, error messages with the file's name, and that every one of them is used by a program."""

from __future__ import annotations

from pathlib import Path

import pytest

from renderers.gl import program as program_module
from renderers.gl.lifetime import living
from renderers.gl.program import Program, ShaderError, expand

SHADERS = Path(program_module.__file__).parent.parent / "shaders"


def test_a_program_compiles_and_frees_itself(gl) -> None:
    before = living["Program"]
    program = Program("present.glsl")
    assert living["Program"] == before + 1
    program.delete()
    program.delete()
    assert living["Program"] == before


def test_an_error_names_file_and_line(gl, monkeypatch: pytest.MonkeyPatch) -> None:
    text, names = expand("present.glsl")
    broken = text.replace("color = front", "color = nowhere")
    monkeypatch.setattr(program_module, "expand", lambda file: (broken, names))
    line = (
        (SHADERS / "present.glsl").read_text().splitlines().index("    color = front + background * (1.0 - front.a);")
    )
    with pytest.raises(ShaderError) as caught:
        Program("present.glsl")
    assert f"present.glsl:{line + 1}" in str(caught.value)
    assert "nowhere" in str(caught.value)


def test_a_missing_file_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        expand("none.glsl")


def test_includes_come_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "shaders").mkdir()
    (tmp_path / "shaders" / "a.glsl").write_text('#include "b.glsl"\n#include "b.glsl"\nfloat a;\n')
    (tmp_path / "shaders" / "b.glsl").write_text("float b;\n")
    monkeypatch.setattr(program_module, "files", lambda package: tmp_path)
    text, names = expand.__wrapped__("a.glsl")
    assert names == ["a.glsl", "b.glsl"]
    assert text.count("float b;") == 1
    assert text.splitlines()[-2:] == ["#line 3 0", "float a;"] or "float a;" in text.splitlines()[-1]


def test_every_shader_file_belongs_to_a_program() -> None:
    code = "\n".join(path.read_text() for path in SHADERS.parent.glob("**/*.py"))
    shaders = "\n".join(path.read_text() for path in SHADERS.glob("**/*.glsl"))
    for path in SHADERS.glob("**/*.glsl"):
        name = path.relative_to(SHADERS).as_posix()
        assert f'"{name}"' in (shaders if name.startswith("common/") else code), f"{name} is used nowhere"
