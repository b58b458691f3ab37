"""Makes a fixed-point iteration converge in fewer rounds.

Anderson's acceleration mixes the last few results so that their residuals cancel as well as possible; for local and
global steps in turns it saves most of the rounds (Peng et al., "Anderson Acceleration for Geometry Optimization and
Physics Simulation", 2018). Where a residual grows, the memory is dropped and the plain result is taken.
"""

from __future__ import annotations

import numpy as np

DEPTH = 8
"""Results that are remembered."""

GROWTH = 2.0
"""A residual this many times the smallest one so far ends a memory."""


class Acceleration:
    """Remembers states and what the iteration made of them, as vectors of one length."""

    def __init__(self) -> None:
        self.residual = np.inf
        self._forget()

    def _forget(self) -> None:
        self._changes: list[tuple[np.ndarray, np.ndarray]] = []
        self._last: tuple[np.ndarray, np.ndarray] | None = None
        self._smallest = np.inf

    def next(self, state: np.ndarray, result: np.ndarray) -> np.ndarray:
        """The state to go on from after an iteration turned `state` into `result`."""
        residual = result - state
        self.residual = float(np.linalg.norm(residual))
        if self.residual > GROWTH * self._smallest:
            self._forget()
        if self._last is not None:
            self._changes.append((residual - self._last[0], result - self._last[1]))
            del self._changes[:-DEPTH]
        self._last, self._smallest = (residual, result), min(self._smallest, self.residual)
        if not self._changes:
            return result
        differences = np.array([change for change, _ in self._changes])
        square = differences @ differences.T
        square += (1e-10 * np.trace(square) + 1e-300) * np.eye(len(square))
        mix = np.linalg.solve(square, differences @ residual)
        return result - mix @ np.array([change for _, change in self._changes])
