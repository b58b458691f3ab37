"""How an asset is drawn. No Qt. Needs a current GL context, a target and a camera."""

import os
import sys

if sys.platform.startswith("linux"):
    # PyOpenGL decides at its first import how it finds functions and contexts; GLX would need a display.
    os.environ.setdefault("PYOPENGL_PLATFORM", "egl")
