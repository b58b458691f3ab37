"""Runs tasks in worker processes, without the window ever waiting.

Two lanes, "files" (open and save) and "making" (bakes, exact pictures), each with one process that stays and one
thread here that talks to it: it packs and sends, waits for messages, maps the results, and passes everything to the
window's thread by a queued Qt signal. Cancelling asks the job at its next `yield`; a job that does not answer within
`PATIENCE` loses its process, and the lane gets a new one. Nothing here is touched by two threads at once except the
queue, the flags and the signal.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import shutil
import tempfile
import threading
import time
import traceback
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from assets.errors import TriptychError
from assets.progress import Progress

from .work.runner import Task
from .work.transfer import discard, pack, unpack
from .work.worker import CANCEL, Failed, Finished, Piece, Request, Stopped, serve

LANES = ("files", "making")
WARM_UP = True
"""Whether workers import what most jobs need before one comes. Tests, which open many windows, go without."""

START_METHOD = "spawn"
"""How a worker comes to be: with nothing of the window in it, on every system. Tests, which need hundreds, fork them
from a server that has imported what most jobs need."""

PATIENCE = 0.3
"""Seconds between asking a job to stop and ending its process."""


class Jobs(QObject):
    """The runner of the window. `changed(task)` is emitted whenever a task starts, gets further or is over."""

    changed = Signal(object)
    _arrived = Signal(object, str, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.tasks: list[Task] = []
        self._folder = tempfile.mkdtemp(prefix="triptych-")
        self._lanes = {name: Lane(name, self._folder, self._arrived.emit) for name in LANES}
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def start(self, task: Task) -> Task:
        """Puts the task into its lane."""
        self.tasks.append(task)
        self._lanes[task.lane].put(task)
        self.changed.emit(task)
        return task

    def cancel(self, task: Task) -> None:
        """Stops the task; from now on nothing of it is delivered."""
        if not task.over:
            self._lanes[task.lane].cancel(task)
            self._end(task, "cancelled")

    def warm_up(self) -> None:
        """Starts the processes, so that the first file does not wait for them."""
        for lane in self._lanes.values():
            lane.put(None)

    @property
    def busy(self) -> bool:
        """Whether any task is not over."""
        return bool(self.tasks)

    def shut_down(self) -> None:
        """Ends everything: processes, threads and the folder of buffers. Jobs that run are dropped."""
        for task in tuple(self.tasks):
            self._end(task, "cancelled")
        for lane in self._lanes.values():
            lane.close()
        for lane in self._lanes.values():
            lane.join(5)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _deliver(self, task: Task, what: str, value: Any) -> None:
        if task.over:
            return
        if what == "progress":
            task.state, task.progress = "running", value
            self.changed.emit(task)
        elif what == "piece":
            task.on_partial(value)
        elif what == "result":
            self._end(task, "finished")
            task.on_result(value)
        else:
            self._end(task, "failed")
            task.on_failure(*value)

    def _end(self, task: Task, state: str) -> None:
        task.state = state
        with contextlib.suppress(ValueError):
            self.tasks.remove(task)
        self.changed.emit(task)


class Lane(threading.Thread):
    """One process and the thread that talks to it. `tell(task, what, value)` is called from this thread."""

    def __init__(self, name: str, folder: str, tell: Any) -> None:
        super().__init__(name=f"lane {name}", daemon=True)
        self._folder, self._tell = folder, tell
        self._queue: queue.SimpleQueue = queue.SimpleQueue()
        self._cancelled: set[Task] = set()
        self._closing = threading.Event()
        self._process: multiprocessing.Process | None = None
        self._pipe: Any = None
        self.start()

    def put(self, task: Task | None) -> None:
        """Queues a task; None only sees to it that the process is there."""
        self._queue.put(task)

    def cancel(self, task: Task) -> None:
        """Asks for the end of a task, whether it waits or runs."""
        self._cancelled.add(task)

    def close(self) -> None:
        """Ends the thread and its process; `join` waits for that."""
        self._closing.set()
        self._queue.put(None)

    def run(self) -> None:
        """The thread: takes one task after the other."""
        while not self._closing.is_set():
            task = self._queue.get()
            try:
                if self._closing.is_set():
                    break
                self._ensure_process()
                if task is not None and task not in self._cancelled:
                    self._perform(task)
            except (EOFError, OSError) as error:
                self._end_process()
                if task is not None and not self._closing.is_set():
                    self._tell(task, "failure", (_lost(error), traceback.format_exc()))
            except Exception as error:
                told = TriptychError(f"Something unexpected went wrong ({type(error).__name__}: {error}).")
                if task is not None:
                    self._tell(task, "failure", (told, traceback.format_exc()))
            finally:
                self._cancelled.discard(task)
        self._end_process()

    def _ensure_process(self) -> None:
        if self._process is not None and self._process.is_alive():
            return
        self._end_process()
        context = multiprocessing.get_context(START_METHOD)
        self._pipe, theirs = context.Pipe()
        name = f"triptych {self.name}"
        self._process = context.Process(target=serve, args=(theirs, self._folder, WARM_UP), name=name, daemon=True)
        self._process.start()
        theirs.close()

    def _perform(self, task: Task) -> None:
        self._tell(task, "progress", Progress(0, 0, task.title))
        self._pipe.send(Request(task.function, pack((task.arguments, task.keywords), self._folder)))
        asked = None
        while True:
            if self._closing.is_set() or (asked is not None and time.monotonic() - asked > PATIENCE):
                self._end_process()
                if not self._closing.is_set():
                    self._ensure_process()
                return
            if asked is None and task in self._cancelled:
                asked = time.monotonic()
                self._pipe.send(CANCEL)
            if self._pipe.poll(0.02) and self._take(task, self._pipe.recv()):
                return

    def _take(self, task: Task, message: Any) -> bool:
        """Passes a message on. Returns whether it was the last one of the task."""
        dropped = task in self._cancelled
        if isinstance(message, (Piece, Finished)):
            if dropped:
                discard(message.packet)
            else:
                what = "piece" if isinstance(message, Piece) else "result"
                self._tell(task, what, unpack(message.packet))
        elif isinstance(message, Failed) and not dropped:
            self._tell(task, "failure", (message.error, message.details))
        elif isinstance(message, Progress) and not dropped:
            self._tell(task, "progress", message)
        return isinstance(message, (Finished, Failed, Stopped))

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if process is not None:
            process.terminate()
            process.join(1)
            if process.is_alive():
                process.kill()
                process.join(1)
            process.close()


def _lost(error: BaseException) -> TriptychError:
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
        return TriptychError(f"The work could not be handed over ({error.strerror}).")
    return TriptychError("The process that did this ended unexpectedly; perhaps the memory was not enough.")
