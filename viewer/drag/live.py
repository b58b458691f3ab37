"""Solves drags while the hand moves, on a thread of its own. No Qt.

Questions while a hand moves lie in a slot: the newest one replaces what was not begun. Where none is waiting the
solver goes on towards the last one, step by step, as long as something is still to be seen and the answer before was
taken. Final questions are all answered, in their order. Answers are handed to `post`, which runs them where the
answers belong (the thread of the window); one that was not fetched is replaced by the next.
"""

from __future__ import annotations

import threading
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from assets.deform.drag import Drag, Handle
from assets.errors import TriptychError

if TYPE_CHECKING:
    from assets.deform.rig import Rig
    from assets.deform.solver import Solver
    from assets.deform.warp import Warp


@dataclass(frozen=True, eq=False)
class Question:
    """Where does `drag`, in the asset's frame, lead on `rig`? final: to convergence, independent of what was before.
    still: nothing moves, only the influence is asked for, and handles may be missing. tell(Answer) hears it."""

    rig: Rig
    drag: Drag
    final: bool
    tell: Callable[[Answer], None]
    still: bool = False


@dataclass(frozen=True, eq=False)
class Answer:
    """The warp and the solver's notes; or `error`, a sentence, with `details`."""

    question: Question
    warp: Warp | None = None
    notes: tuple[str, ...] = ()
    error: str = ""
    details: str = ""


class Answering(Protocol):
    """What the model asks."""

    def ask(self, question: Question) -> None:
        """Answers soon, or at once."""

    def drop(self) -> None:
        """Forgets questions of a moving hand that are not answered yet."""


class Solving:
    """Answers one question after the other and keeps the solver while only targets and strength differ."""

    def __init__(self) -> None:
        self._solver: Solver | None = None
        self._key: tuple[Rig, Drag] | None = None

    @property
    def settled(self) -> bool:
        """Whether asking the last moving question again would change nothing that is seen."""
        return self._solver is None or self._solver.settled

    def answer(self, question: Question) -> Answer:
        """The answer; what goes wrong is told in it."""
        drag = question.drag
        try:
            if question.still:
                return Answer(question, influence(question.rig, drag))
            solver = self._solver_for(question.rig, drag)
            targets = drag.reached()
            pose = solver.solve(targets) if question.final else solver.step(targets)
            warp = solver.warp(drag, pose, draft=not question.final)
            # Here nobody waits; where it is drawn, nothing may take long.
            warp.prepare()
        except TriptychError as error:
            return Answer(question, error=str(error), details=traceback.format_exc())
        except Exception as error:
            told = f"The drag could not be solved ({type(error).__name__}: {error})."
            return Answer(question, error=told, details=traceback.format_exc())
        return Answer(question, warp, tuple(solver.notes))

    def _solver_for(self, rig: Rig, drag: Drag) -> Solver:
        from assets.deform.solver import Solver

        handles = tuple(Handle(handle.source, handle.source) for handle in drag.handles)
        key = (rig, replace(drag, handles=handles, strength=1.0))
        if self._key is None or self._key[0] is not rig or self._key[1] != key[1]:
            self._solver, self._key = None, None
            self._solver, self._key = Solver(rig, drag), key
        return self._solver


class InlineSolver:
    """Answers at once in this thread: for scripts and tests."""

    def __init__(self) -> None:
        self._solving = Solving()

    def ask(self, question: Question) -> None:
        """Answers before it returns."""
        question.tell(self._solving.answer(question))

    def drop(self) -> None:
        """Nothing waits."""


class LiveSolver:
    """Answers on a thread, which starts with the first question. `post(function)` has the function called where answers
    belong. `close` ends the thread."""

    def __init__(self, post: Callable[[Callable[[], None]], None]) -> None:
        self._post = post
        self._bell = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._finals: deque[Question] = deque()
        self._newest: Question | None = None
        self._current: Question | None = None
        self._answers: list[Answer] = []
        self._settled = True
        self._solving = Solving()

    def ask(self, question: Question) -> None:
        """Puts the question into the slot or, a final one, behind the others of its kind."""
        with self._bell:
            if self._closing:
                return
            if question.final:
                self._finals.append(question)
                self._newest = self._current = None
            else:
                self._newest = question
            self._bell.notify()
        self.wake()

    def wake(self) -> None:
        """Starts the thread, which loads what solving needs: long before the first question, if it can be."""
        with self._bell:
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._run, name="live solver", daemon=True)
                self._thread.start()

    def drop(self) -> None:
        """Forgets questions of a moving hand that are not answered yet."""
        with self._bell:
            self._newest = self._current = None
            self._answers = [answer for answer in self._answers if answer.question.final]

    @property
    def idle(self) -> bool:
        """Whether nothing is asked, solved or waiting to be fetched."""
        with self._bell:
            return not (self._finals or self._newest or self._current or self._answers)

    def close(self) -> None:
        """Ends the thread."""
        with self._bell:
            self._closing = True
            self._bell.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        import scipy.sparse.csgraph
        import scipy.sparse.linalg
        import scipy.spatial  # noqa: F401

        while (question := self._next()) is not None:
            answer = self._solving.answer(question)
            self._settled = bool(answer.error) or question.still or self._solving.settled
            self._hand_over(answer)

    def _next(self) -> Question | None:
        """The question to answer now; waits for one. None: the end."""
        with self._bell:
            while not self._closing:
                if self._finals:
                    self._current = self._finals[0]
                    return self._current
                if self._newest is not None:
                    self._current, self._newest = self._newest, None
                    return self._current
                if self._current is not None and not self._answers:
                    if not self._settled:
                        return self._current
                    self._current = None
                self._bell.wait()
        return None

    def _hand_over(self, answer: Answer) -> None:
        with self._bell:
            question = answer.question
            if question.final:
                self._finals.popleft()
                self._current = None if self._current is question else self._current
            elif question is not self._current:
                return  # dropped meanwhile
            waiting = bool(self._answers)
            self._answers = [kept for kept in self._answers if kept.question.final] + [answer]
        if not waiting:
            self._post(self._deliver)

    def _deliver(self) -> None:
        """Tells what was found; runs where answers belong."""
        with self._bell:
            answers, self._answers = self._answers, []
            self._bell.notify()
        for answer in answers:
            answer.question.tell(answer)


def influence(rig: Rig, drag: Drag) -> Warp:
    """A warp that moves nothing and has the heat of `drag` where its handles are; without any, all that may move is
    hot. Raises BadInput."""
    from assets.deform.binding import Pose
    from assets.deform.solver import Solver
    from assets.deform.warp import Warp

    nodes = rig.graph.nodes
    pose = Pose.at_rest(nodes)
    if drag.handles:
        solver = Solver(rig, drag)
        return solver.warp(drag, pose)
    bindings, matter = rig.masked_bindings(drag)
    return Warp(drag, rig, pose, bindings, matter, np.ones(len(nodes)))
