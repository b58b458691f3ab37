"""Counts the GL objects that are alive, so that a test can prove that closing an asset frees everything."""

from __future__ import annotations

from collections import Counter

living: Counter[str] = Counter()
"""Objects by class name: counted up when made, down when freed."""


class GLObject:
    """Base of everything that owns a GL name. `delete` frees it, once, on the thread of its context."""

    def __init__(self, name: int) -> None:
        self.id = int(name)
        living[type(self).__name__] += 1

    def delete(self) -> None:
        """Frees the GL object; a second call does nothing."""
        if self.id:
            self._free(self.id)
            self.id = 0
            living[type(self).__name__] -= 1

    def _free(self, name: int) -> None:
        raise NotImplementedError
