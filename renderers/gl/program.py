"""Programs from .glsl files.

One file is one program. It holds all its stages between `#ifdef VERTEX_SHADER … #endif` and the like, may `#include
"common/name.glsl"` other files once, and gets `#version`, the stage and any defines put in front. Compiler messages
are mapped back to file and line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np
from OpenGL import GL

from assets.errors import TriptychError

from .lifetime import GLObject

STAGES = {
    "VERTEX_SHADER": GL.GL_VERTEX_SHADER,
    "GEOMETRY_SHADER": GL.GL_GEOMETRY_SHADER,
    "FRAGMENT_SHADER": GL.GL_FRAGMENT_SHADER,
    "COMPUTE_SHADER": GL.GL_COMPUTE_SHADER,
}
VERSION, COMPUTE_VERSION = "#version 410 core", "#version 430 core"

Value = float | int | bool | Sequence[float] | np.ndarray


class ShaderError(TriptychError):
    """A shader does not compile or link; the text names file and line."""


class Program(GLObject):
    """A linked program. `defines` become `#define NAME value`; `captures` are the outputs of transform feedback."""

    def __init__(self, file: str, defines: dict[str, object] | None = None, captures: Sequence[str] = ()) -> None:
        super().__init__(GL.glCreateProgram())
        self.file = file
        self._uniforms: dict[str, int] = {}
        source, names = expand(file)
        shaders = []
        for stage, kind in STAGES.items():
            if stage in source:
                shaders.append(self._compile(stage, kind, source, names, defines or {}))
                GL.glAttachShader(self.id, shaders[-1])
        if captures:
            varyings = [name.encode() for name in captures]
            pointers = (GL.ctypes.POINTER(GL.GLchar) * len(varyings))(
                *(GL.ctypes.cast(GL.ctypes.c_char_p(name), GL.ctypes.POINTER(GL.GLchar)) for name in varyings)
            )
            GL.glTransformFeedbackVaryings(self.id, len(varyings), pointers, GL.GL_INTERLEAVED_ATTRIBS)
        GL.glLinkProgram(self.id)
        for shader in shaders:
            GL.glDetachShader(self.id, shader)
            GL.glDeleteShader(shader)
        if not GL.glGetProgramiv(self.id, GL.GL_LINK_STATUS):
            raise ShaderError(f"{file} does not link: {_text(GL.glGetProgramInfoLog(self.id))}.")

    def use(self) -> None:
        """Makes this the current program."""
        GL.glUseProgram(self.id)

    def set(self, **uniforms: Value) -> None:
        """Sets uniforms of the current program by name.

        bool and int → int; float → float; 2 … 4 numbers → vec (ivec for an integer array); (3,3) and (4,4) arrays →
        matrices, given row by row. A name that the compiler optimised away is no error.
        """
        for name, value in uniforms.items():
            location = self._location(name)
            if location >= 0:
                _set_uniform(location, value)

    def _location(self, name: str) -> int:
        if name not in self._uniforms:
            self._uniforms[name] = GL.glGetUniformLocation(self.id, name)
        return self._uniforms[name]

    def _compile(self, stage: str, kind: int, source: str, names: list[str], defines: dict[str, object]) -> int:
        version = COMPUTE_VERSION if stage == "COMPUTE_SHADER" else VERSION
        head = [version, f"#define {stage}", *(f"#define {key} {value}" for key, value in defines.items()), source]
        shader = GL.glCreateShader(kind)
        GL.glShaderSource(shader, "\n".join(head))
        GL.glCompileShader(shader)
        if not GL.glGetShaderiv(shader, GL.GL_COMPILE_STATUS):
            log = _text(GL.glGetShaderInfoLog(shader))
            raise ShaderError(f"{self.file} ({stage.lower()}) does not compile: {_with_names(log, names)}")
        return shader

    def _free(self, name: int) -> None:
        GL.glDeleteProgram(name)


@cache
def expand(file: str) -> tuple[str, list[str]]:
    """The text of a shader file with its includes, each once, and the names behind its `#line` numbers."""
    names: list[str] = []

    def read(name: str) -> list[str]:
        if name in names:
            return []
        names.append(name)
        number = len(names) - 1
        lines = [f"#line 1 {number}"]
        for index, line in enumerate((files("renderers") / "shaders" / name).read_text("utf-8").splitlines(), 1):
            include = re.match(r'\s*#include\s+"(.+)"', line)
            if include:
                lines += [*read(include[1]), f"#line {index + 1} {number}"]
            else:
                lines.append(line)
        return lines

    return "\n".join(read(file)), names


def _with_names(log: str, names: list[str]) -> str:
    """Driver messages begin "SOURCE:LINE(" or "SOURCE(LINE)"; puts the file's name in place of SOURCE."""
    return re.sub(r"^(\d+)(?=[:(])", lambda m: names[int(m[1])] if int(m[1]) < len(names) else m[1], log, flags=re.M)


def _text(log: bytes | str) -> str:
    return (log.decode("utf-8", "replace") if isinstance(log, bytes) else log).strip()


def _set_uniform(location: int, value: Value) -> None:
    if isinstance(value, (bool, int, np.integer)):
        GL.glUniform1i(location, int(value))
        return
    if isinstance(value, (float, np.floating)):
        GL.glUniform1f(location, float(value))
        return
    array = np.asarray(value)
    if array.shape == (4, 4):
        GL.glUniformMatrix4fv(location, 1, GL.GL_TRUE, np.ascontiguousarray(array, np.float32))
    elif array.shape == (3, 3):
        GL.glUniformMatrix3fv(location, 1, GL.GL_TRUE, np.ascontiguousarray(array, np.float32))
    elif array.dtype.kind in "iu":
        setter = {2: GL.glUniform2i, 3: GL.glUniform3i, 4: GL.glUniform4i}[array.size]
        setter(location, *(int(item) for item in array))
    else:
        setter = {2: GL.glUniform2f, 3: GL.glUniform3f, 4: GL.glUniform4f}[array.size]
        setter(location, *(float(item) for item in array))
