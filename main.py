"""Triptych: opens the window, or does one job of the command line without it."""

from __future__ import annotations

import os
import sys

from assets.errors import TriptychError


def main(arguments: list[str] | None = None) -> int:
    """Runs the program with `arguments` (those of the process where None) and returns its exit code.

    0: done. 1: it failed. 2: the input was wrong. 130: interrupted. A failure is one sentence on stderr;
    TRIPTYCH_DEBUG=1 in the environment shows the traceback instead.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A console of another code page, or a file name that is no text, must not stop a message.
            stream.reconfigure(errors="backslashreplace")
    try:
        return _dispatch(arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough; keep the interpreter from flushing into the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("TRIPTYCH_DEBUG"):
            raise
        return _report(error)


def _dispatch(arguments: list[str] | None) -> int:
    from viewer.command_line import parse

    request = parse(arguments)
    if request.job == "window":
        from viewer.headless import check_display

        check_display()
        from viewer.app import main as open_window

        return open_window(request.window_files(), options=request.reading, picture=request.window_picture)
    from viewer.headless import do

    text = do(request)
    if text:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    return 0


def _report(error: Exception) -> int:
    """Writes the sentence of `error` to stderr and returns the exit code that it means."""
    if isinstance(error, TriptychError):
        sentence, code = str(error), error.exit_code
    elif isinstance(error, MemoryError):
        sentence, code = "There is not enough memory for this.", 1
    elif isinstance(error, ModuleNotFoundError) and error.name:
        sentence, code = f"The Python package {error.name!r}, which this needs, is not installed.", 1
    else:
        detail = " ".join(f"{type(error).__name__}: {error}".split())
        sentence, code = f"This failed unexpectedly ({detail}); TRIPTYCH_DEBUG=1 shows where.", 1
    sys.stderr.write(" ".join(sentence.split()) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
