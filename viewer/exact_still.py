"""Replaces the picture by the reference one when the camera rests, where the user asks for that.

What is opaque is drawn here, in slices; another process computes the rest over it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from PySide6.QtCore import QTimer

from assets.errors import Cancelled
from assets.progress import Job

from .work.runner import Task

FUNCTION = "renderers.reference.still:exact_still"


class ExactStill:
    """Watches a viewport: each time its picture is complete, the exact one is made."""

    def __init__(self, window: Any) -> None:
        self._window = window
        self._opaque: Job | None = None
        self._task: Task | None = None
        self._failed = False
        self._timer = QTimer(window, interval=0)
        self._timer.timeout.connect(self._draw_some)
        window.viewport.drawn.connect(self._check)
        window.viewport.unsettled.connect(self._drop)

    @property
    def pending(self) -> bool:
        """Whether an exact picture is being made."""
        return self._opaque is not None or (self._task is not None and not self._task.over)

    def _check(self) -> None:
        """Begins if the exact picture is wanted, there is something to compute, and what is shown is complete."""
        viewport, session = self._window.viewport, self._window.session
        if not self._window.settings.values.exact_still or self.pending or self._failed or viewport.exact is not None:
            return
        if viewport.frame is None or not viewport.complete or session.preparing:
            return
        from renderers.reference import exact_record

        if any(exact_record(asset) for asset in session.scene.visible()):
            self._opaque = viewport.frame.opaque_layer(session.scene, viewport.camera, viewport.frame_settings())
            self._timer.start()

    def _draw_some(self) -> None:
        viewport = self._window.viewport
        viewport.makeCurrent()
        try:
            next(self._opaque)
        except StopIteration as stop:
            self._compute(stop.value)
        except Cancelled:
            self._drop()
        finally:
            viewport.doneCurrent()

    def _compute(self, opaque: tuple[np.ndarray, np.ndarray]) -> None:
        self._timer.stop()
        self._opaque = None
        viewport = self._window.viewport
        # What lies over the picture is drawn here.
        settings = replace(viewport.frame_settings(), overlay=None, heat=None)
        self._task = self._window.jobs.start(
            Task(
                title="Exact picture",
                function=FUNCTION,
                arguments=(self._window.session.scene.visible(), viewport.camera, settings, opaque),
                lane="making",
                on_result=viewport.show_picture,
                on_failure=self._fail,
            )
        )

    def _fail(self, error: Exception, details: str) -> None:
        """Says why, once: the next change tries again."""
        self._failed = True
        self._window.stage.errors.add(str(error), details)

    def _drop(self) -> None:
        """Something changed: what is under way shows the past."""
        self._failed = False
        self._timer.stop()
        self._opaque = None
        if self._task is not None:
            self._window.jobs.cancel(self._task)
            self._task = None
