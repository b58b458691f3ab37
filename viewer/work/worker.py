"""The other side of `jobs`: a process that performs one job after the other and reports over a pipe.

Readers hold the interpreter's lock for long stretches and torch needs a second to import, so no thread of the window's
own process could do this without freezing it. A job is named ("assets.formats:open_path") and its arguments are
packed values, so nothing of the window travels here.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import signal
import threading
import time
import traceback
from dataclasses import dataclass
from multiprocessing import connection as connections
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import Any

from assets.errors import TriptychError
from assets.progress import Partial, Progress

from .transfer import Packet, pack, unpack

CANCEL = "cancel"
"""What the window sends to stop the job that runs. One that arrives too late is ignored."""

PROGRESS_SECONDS = 0.2
"""Least time between two reports of progress."""

WARM = ("torch", "assets.formats", "assets.fields.bricks.bake")
WARM_UP_AFTER = 2.0
"""Modules that are imported so many seconds after the start."""


@dataclass(frozen=True)
class Request:
    """Perform the generator function `function` ("module:name") with the packed (arguments, keywords)."""

    function: str
    arguments: Packet


@dataclass(frozen=True)
class Piece:
    """A packed `Partial` value of the running job."""

    packet: Packet


@dataclass(frozen=True)
class Finished:
    """The running job ended with this packed result."""

    packet: Packet


@dataclass(frozen=True)
class Failed:
    """The running job ended with an error; `details` is for the curious."""

    error: TriptychError
    details: str


@dataclass(frozen=True)
class Stopped:
    """The running job was cancelled."""


def serve(pipe: Connection, folder: str, warm: bool = True) -> None:
    """The main function of the process: performs requests until the pipe closes. Buffers go to `folder`. warm: whether
    what most jobs need is imported before one comes."""
    _settle_in()
    if warm:
        threading.Thread(target=_warm_up, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        while True:
            request = pipe.recv()
            if isinstance(request, Request):
                pipe.send(perform(request, pipe, folder))


def perform(request: Request, pipe: Connection, folder: str) -> Finished | Failed | Stopped:
    """Performs one job, reporting over `pipe`, and returns its last message."""
    try:
        arguments, keywords = unpack(request.arguments)
        job = resolve(request.function)(*arguments, **keywords)
        with contextlib.closing(job):
            return _drive(job, pipe, folder)
    except TriptychError as error:
        return Failed(_picklable(error), traceback.format_exc())
    except MemoryError:
        return Failed(TriptychError("There is not enough memory for this."), traceback.format_exc())
    except Exception as error:
        told = f"Something unexpected went wrong ({type(error).__name__}: {error})."
        return Failed(TriptychError(told), traceback.format_exc())


def resolve(function: str) -> Any:
    """The object called "module:name"."""
    module, _, name = function.partition(":")
    return getattr(importlib.import_module(module), name)


def _drive(job: Any, pipe: Connection, folder: str) -> Finished | Stopped:
    told_at, told_text = 0.0, None
    while True:
        try:
            event = next(job)
        except StopIteration as stop:
            return Finished(pack(stop.value, folder))
        if pipe.poll() and pipe.recv() == CANCEL:
            return Stopped()
        if isinstance(event, Partial):
            pipe.send(Piece(pack(event.value, folder)))
        elif isinstance(event, Progress):
            now = time.monotonic()
            if now - told_at >= PROGRESS_SECONDS or event.text != told_text:
                told_at, told_text = now, event.text
                pipe.send(event)


def _picklable(error: TriptychError) -> TriptychError:
    """`error`, or one with the same sentence and exit code where it does not survive the pipe."""
    try:
        if str(pickle.loads(pickle.dumps(error))) == str(error):
            return error
    except Exception:
        pass
    plain = TriptychError(str(error))
    plain.exit_code = error.exit_code
    return plain


def _settle_in() -> None:
    """Leaves the window the first claim on the processor, and ends with it whatever happens to it."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(10)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 2) - 1)))
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()


def _warm_up() -> None:
    """Imports what most jobs need and takes long, when the window stands; a job that comes sooner imports it itself."""
    time.sleep(WARM_UP_AFTER)
    for name in WARM:
        importlib.import_module(name)


def _follow(sentinel: int) -> None:
    """Ends this process when its parent is gone, even in the middle of a job."""
    connections.wait([sentinel])
    os._exit(1)
