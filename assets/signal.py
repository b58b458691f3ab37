"""The one notification primitive: a list of weakly held subscribers."""

from __future__ import annotations

import weakref
from collections.abc import Callable


class Signal:
    """Calls its subscribers, in the order they came, with whatever `emit` was given.

    Bound methods are held weakly, so a panel that goes away needs no goodbye; plain functions and lambdas are held
    strongly. A signal is dropped when its owner is pickled or copied: subscribers belong to one process.
    """

    def __init__(self) -> None:
        self._subscribers: list[Callable[[], Callable | None]] = []

    def connect(self, subscriber: Callable) -> None:
        """Calls `subscriber` at every `emit` from now on."""
        bound = hasattr(subscriber, "__self__")
        self._subscribers.append(weakref.WeakMethod(subscriber) if bound else lambda: subscriber)

    def disconnect(self, subscriber: Callable) -> None:
        """Forgets `subscriber`; one that was never connected is no error."""
        self._subscribers = [held for held in self._subscribers if held() not in (subscriber, None)]

    def emit(self, *arguments) -> None:
        """Calls every living subscriber with `arguments`."""
        for held in tuple(self._subscribers):
            subscriber = held()
            if subscriber is not None:
                subscriber(*arguments)

    def __reduce__(self):
        return (Signal, ())
