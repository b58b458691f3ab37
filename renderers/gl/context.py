"""A headless OpenGL context, and what the current context can do.

On Linux the context comes from EGL without any surface (a card's own device, or `EGL_PLATFORM_SURFACELESS_MESA`), so
neither a display nor Qt is needed. Windows and macOS have no EGL: there a caller may hand in another way to make a
context (`providers`), which the window's room does with Qt's off-screen surface.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

from assets.errors import TriptychError

MISSING_GL = (
    "No OpenGL 4.1 context could be made here ({reason}); "
    "on Debian or Ubuntu install it with 'apt install libegl1 libgl1-mesa-dri'."
)

EGL_PLATFORM_SURFACELESS_MESA = 0x31DD
EGL_PLATFORM_DEVICE_EXT = 0x313F

providers: list[Callable[[], Context]] = []
"""Ways to make a context where EGL is not there, tried in order."""


class Context:
    """A headless GL context. `make_current` before use, `release` when done."""

    def make_current(self) -> None:
        """Makes this context the calling thread's."""
        raise NotImplementedError

    def release(self) -> None:
        """Destroys the context."""
        raise NotImplementedError


class EglContext(Context):
    """A core-profile context without a surface through EGL."""

    def __init__(self) -> None:
        from OpenGL import EGL
        from OpenGL.error import GLError

        self._egl = EGL
        failures: list[str] = []
        for open_display in (*self._devices(), self._surfaceless, self._default_display):
            try:
                self._open(open_display())
                return
            except (GLError, RuntimeError, AttributeError) as error:
                failures.append(str(error).splitlines()[0] if str(error) else type(error).__name__)
        raise TriptychError(MISSING_GL.format(reason="; ".join(dict.fromkeys(failures))))

    def _devices(self) -> list[Callable]:
        """One opener per EGL device: drivers of cards list themselves before Mesa's software device."""
        egl = self._egl
        try:
            devices, count = (ctypes.c_void_p * 16)(), egl.EGLint()
            query = self._extension("eglQueryDevicesEXT", egl.EGLint, ctypes.c_void_p, ctypes.c_void_p)
            if not query(len(devices), ctypes.byref(devices), ctypes.byref(count)):
                return []
        except RuntimeError:
            return []
        return [partial(self._platform_display, EGL_PLATFORM_DEVICE_EXT, device) for device in devices[: count.value]]

    def _surfaceless(self):
        return self._platform_display(EGL_PLATFORM_SURFACELESS_MESA, None)

    def _default_display(self):
        return self._egl.eglGetDisplay(self._egl.EGL_DEFAULT_DISPLAY)

    def _platform_display(self, platform: int, native: int | None):
        types = (ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p)
        return self._extension("eglGetPlatformDisplayEXT", *types, result=ctypes.c_void_p)(platform, native, None)

    def _extension(self, name: str, *types, result=ctypes.c_uint) -> Callable:
        """A function of an EGL extension, which PyOpenGL does not wrap. Raises RuntimeError where it is missing."""
        address = self._egl.eglGetProcAddress(name.encode())
        if not address:
            raise RuntimeError(f"EGL lacks {name}")
        return ctypes.CFUNCTYPE(result, *types)(ctypes.cast(address, ctypes.c_void_p).value)

    def _open(self, display) -> None:
        egl = self._egl
        if not display:
            raise RuntimeError("EGL has no display")
        major, minor = egl.EGLint(), egl.EGLint()
        if not egl.eglInitialize(display, major, minor):
            raise RuntimeError("EGL does not initialise")
        egl.eglBindAPI(egl.EGL_OPENGL_API)
        wanted = [egl.EGL_RENDERABLE_TYPE, egl.EGL_OPENGL_BIT, egl.EGL_SURFACE_TYPE, egl.EGL_PBUFFER_BIT, egl.EGL_NONE]
        wanted = (egl.EGLint * len(wanted))(*wanted)
        configs, count = (egl.EGLConfig * 1)(), egl.EGLint()
        egl.eglChooseConfig(display, wanted, configs, 1, count)
        config = configs[0] if count.value else None
        # Without a version request a driver may answer with a 3.2 core profile; 4.1 is what every platform has.
        attributes = [egl.EGL_CONTEXT_MAJOR_VERSION, 4, egl.EGL_CONTEXT_MINOR_VERSION, 1]
        attributes += [egl.EGL_CONTEXT_OPENGL_PROFILE_MASK, egl.EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT, egl.EGL_NONE]
        attributes = (egl.EGLint * len(attributes))(*attributes)
        context = egl.eglCreateContext(display, config, egl.EGL_NO_CONTEXT, attributes)
        if not context:
            raise RuntimeError("EGL makes no OpenGL 4.1 core context")
        self._display, self._context = display, context
        self.make_current()

    def make_current(self) -> None:
        egl = self._egl
        if not egl.eglMakeCurrent(self._display, egl.EGL_NO_SURFACE, egl.EGL_NO_SURFACE, self._context):
            raise RuntimeError("the EGL context cannot be made current")

    def release(self) -> None:
        egl = self._egl
        egl.eglMakeCurrent(self._display, egl.EGL_NO_SURFACE, egl.EGL_NO_SURFACE, egl.EGL_NO_CONTEXT)
        egl.eglDestroyContext(self._display, self._context)


def create_context() -> Context:
    """A current headless context. Raises TriptychError with a hint where there is none."""
    for provider in providers:
        return provider()
    if sys.platform in ("win32", "darwin"):
        raise TriptychError(MISSING_GL.format(reason="no EGL on this system"))
    # PyOpenGL decides at its first import where it looks functions up; GLX would need a display.
    os.environ.setdefault("PYOPENGL_PLATFORM", "egl")
    try:
        return EglContext()
    except ImportError as error:
        raise TriptychError(MISSING_GL.format(reason=error)) from error


@dataclass(frozen=True)
class Capabilities:
    """What the current context can do, read once. Nothing else in the code asks for versions."""

    version: tuple[int, int]
    renderer: str
    software: bool
    max_texture: int
    max_texture_3d: int
    max_texture_buffer: int
    compute: bool

    @property
    def sorts(self) -> bool:
        """Whether the GL sorts faster than numpy: a card does; llvmpipe takes 12 times as long, on our own cores."""
        return self.compute and not self.software


@cache
def capabilities() -> Capabilities:
    """The record of the context that was current at the first call (all contexts of a run share a driver)."""
    from OpenGL import GL

    version = (int(GL.glGetIntegerv(GL.GL_MAJOR_VERSION)), int(GL.glGetIntegerv(GL.GL_MINOR_VERSION)))
    renderer = GL.glGetString(GL.GL_RENDERER).decode("utf-8", "replace")
    software = any(word in renderer.lower() for word in ("llvmpipe", "softpipe", "swiftshader", "software"))
    return Capabilities(
        version=version,
        renderer=renderer.split(" (")[0],
        software=software,
        max_texture=int(GL.glGetIntegerv(GL.GL_MAX_TEXTURE_SIZE)),
        max_texture_3d=int(GL.glGetIntegerv(GL.GL_MAX_3D_TEXTURE_SIZE)),
        max_texture_buffer=int(GL.glGetIntegerv(GL.GL_MAX_TEXTURE_BUFFER_SIZE)),
        compute=version >= (4, 3),
    )
