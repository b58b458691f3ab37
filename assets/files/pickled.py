"""A look along a pickle before anything reads it: how many steps it has, and how long its words are. Nothing is run.

Torch's reader of weights refuses what could run, but takes its time: a microsecond a step, of which a file may have as
many as bytes, and the square of the longest word where it words a refusal. Source of the operations: Python's own
`pickletools`.
"""

from __future__ import annotations

import pickletools
from pathlib import Path

from ..errors import BadFile

MOST_STEPS = 1_000_000
"""Of all pickles of a checkpoint together. A tensor takes about fifty."""

_LONGEST_NAME, _LONGEST_WORD = 500, 20_000
_STOP = ord(".")
_FIXED = {ord(entry.code): entry.arg.n if entry.arg else 0 for entry in pickletools.opcodes}
"""Bytes of the argument of an operation, by its code; below zero: they are told by the argument itself."""
_LENGTHS = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
"""Bytes of the length before an argument. Others are lines."""
_PAIRS = {ord(entry.code) for entry in pickletools.opcodes if entry.arg is pickletools.stringnl_noescape_pair}


def end_of_pickle(path: Path, data: bytes, start: int = 0, steps: int = MOST_STEPS) -> tuple[int, int]:
    """Where the pickle in `data` that begins at `start` ends, and how many of the `steps` that it may have are left.

    Raises BadFile where it doesn't end, has too many steps, or names something at a length that nobody would.
    """
    place = start
    try:
        while steps:
            code = data[place]
            place += 1
            steps -= 1
            size = _FIXED[code]
            if size > 0:
                place += size
            elif size < 0:
                place = _behind_argument(path, data, code, place)
            elif code == _STOP:
                return place, steps
    except (IndexError, KeyError):
        pass
    if not steps:
        raise BadFile(path, f"has pickles of more than {MOST_STEPS:,} steps, which no checkpoint of tensors needs")
    raise BadFile(path, "is damaged or cut off (its pickle has no end)")


def _behind_argument(path: Path, data: bytes, code: int, place: int) -> int:
    """Where an argument that begins at `place` ends, in lines or behind its own length."""
    begin = place
    width = _LENGTHS.get(_FIXED[code])
    if width is None:
        for _ in range(2 if code in _PAIRS else 1):
            place = data.find(b"\n", place) + 1
            if not place:
                raise IndexError
        longest = place - begin if place - begin > _LONGEST_NAME else 0
    else:
        begin = place + width
        place = begin + int.from_bytes(data[place:begin], "little")
        if place > len(data):
            raise IndexError
        words = data[begin:place].split() if place - begin > _LONGEST_WORD else ()
        longest = max((len(word) for word in words if len(word) > _LONGEST_WORD), default=0)
    if longest:
        raise BadFile(path, f"has a word of {longest:,} characters in its pickle, which no checkpoint of tensors needs")
    return place
