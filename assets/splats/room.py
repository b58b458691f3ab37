"""How much memory splats may take that lie packed in a file: whatever a small one holds stays below a GiB.

Regular splats pack without end: a lattice of millions that only differ in their places takes a few hundred KB, or less.
So no file is refused for how well it is packed alone, only where what comes out is large as well.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import BadFile
from .spherical_harmonics import MAX_DEGREE, coefficient_count

MOST_BYTES = 300 << 20
"""What splats may take however small their file is: 5.6 million of them without SH, 1.3 million of degree 3. Reading
and sorting them takes two to three times that."""

_MOST_GROWTH = 250
"""How many times larger than their file more of them may be. Scans grow to 15 times it."""

_NUMBERS = 11
"""Of a splat beside its SH: three of its place, three of its size, four of its rotation, one of its opacity."""


def bytes_of(splats: int, degree: int) -> int:
    """What so many splats with SH of that degree take in memory."""
    return 4 * splats * (_NUMBERS + 3 * coefficient_count(min(degree, MAX_DEGREE)))


def check_room(path: Path, splats: int, degree: int, packed: int) -> None:
    """Raises BadFile where so many splats with SH of that degree would fill memory, and `packed` bytes of the file at
    `path` are too few for them."""
    if bytes_of(splats, degree) > max(MOST_BYTES, _MOST_GROWTH * packed):
        raise BadFile(path, f"claims to hold {splats:,} splats in {packed:,} bytes, which is not believable")
