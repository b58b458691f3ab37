"""The codecs for triangles, a byte each where they hang together, and for other indices, by their differences."""

from __future__ import annotations

import numpy as np

_TRIANGLES, _INDICES = 0xE1, 0xD1
_ALL = 0xFFFFFFFF
_KEPT = 16
"""How many edges and vertices are remembered."""
_CHUNK = 8192


def decode_triangles(data: bytes, count: int) -> np.ndarray:
    """The indices (count,) u32 of triangles. Raises ValueError or IndexError where the stream is damaged."""
    if data[0] != _TRIANGLES:
        raise ValueError("has no known header")
    reader = _Triangles(data, count // 3)
    out = np.empty(count, np.uint32)
    for start in range(0, count // 3, _CHUNK):
        corners = reader.read(data[1 + start : min(1 + start + _CHUNK, 1 + count // 3)])
        out[3 * start : 3 * start + len(corners)] = corners
    if reader.at != len(data) - 16:
        raise ValueError("is not as long as its triangles")
    return out


class _Triangles:
    """What has been met lately in a stream of triangles: the newest edges and vertices stand last. next: the index that
    comes if none was skipped. last: the one that was spelt last. at: the place of the next byte that is spelt."""

    def __init__(self, data: bytes, count: int) -> None:
        self.data, self.at = data, 1 + count
        self.pairs = data[len(data) - 16 :]
        self.edges: list[tuple[int, int]] = []
        self.vertices: list[int] = []
        self.next = self.last = 0
        if self.pairs[14:] != b"\0\0" or any(pair >> 4 == 15 or pair & 15 == 15 for pair in self.pairs):
            raise ValueError("has a damaged table")

    def read(self, codes: bytes) -> list[int]:
        """The corners of the triangles with these codes. Raises IndexError where they point at what never was."""
        corners: list[int] = []
        edges, vertices = self.edges, self.vertices
        for code in codes:
            if code >= 0xF0:
                a, b, c = self._apart(code & 15)
                edges += ((b, a), (c, b), (a, c))
            else:
                a, b = edges[~(code >> 4)]
                which = code & 15
                if which == 0:
                    c = self.next
                    self.next = c + 1
                    vertices.append(c)
                elif which < 13:
                    c = vertices[~which]
                else:
                    c = self._index() if which == 15 else self._beside(-1 if which == 13 else 1)
                    vertices.append(c)
                edges += ((c, b), (a, c))
            corners += (a, b, c)
        del edges[:-_KEPT], vertices[:-_KEPT]
        return corners

    def _apart(self, which: int) -> tuple[int, int, int]:
        """A triangle that shares no edge with those before."""
        if which < 14:
            pair, spelt = self.pairs[which], False
        else:
            pair, spelt = self._byte(), which == 15
            if pair == 0:
                self.next = 0
        a = self._index() if spelt else self._fresh()
        b, b_is_new = self._corner(pair >> 4)
        c, c_is_new = self._corner(pair & 15)
        self.vertices.append(a)
        if b_is_new:
            self.vertices.append(b)
        if c_is_new:
            self.vertices.append(c)
        return a, b, c

    def _corner(self, which: int) -> tuple[int, bool]:
        """A vertex by what a half of a byte says of it, and whether it is a new one."""
        if which == 0:
            return self._fresh(), True
        return (self._index(), True) if which == 15 else (self.vertices[-which], False)

    def _fresh(self) -> int:
        self.next += 1
        return self.next - 1

    def _beside(self, step: int) -> int:
        self.last = self.last + step & _ALL
        return self.last

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def _index(self) -> int:
        """An index that is spelt out: its difference to the one before, in seven bits a byte."""
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
            if shift > 28:
                raise ValueError("has an index of more than five bytes")
        value &= _ALL
        return self._beside(~(value >> 1) if value & 1 else value >> 1)


def decode_indices(data: bytes, count: int) -> np.ndarray:
    """The indices (count,) u32 of a stream: differences of seven bits a byte to one of two that came before. Raises
    ValueError where it is damaged."""
    if data[0] != _INDICES:
        raise ValueError("has no known header")
    spelt = np.frombuffer(data, np.uint8, len(data) - 5, 1)
    ends = np.flatnonzero(spelt < 128)
    if len(ends) != count or ends[-1] != len(spelt) - 1:
        raise ValueError("is not as long as its indices")
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > 5:
        raise ValueError("has an index of more than five bytes")
    values = np.zeros(count, np.uint64)
    for place in range(5):
        there = lengths > place
        values[there] |= (spelt[starts[there] + place].astype(np.uint64) & np.uint64(127)) << np.uint64(7 * place)
    values = values.astype(np.uint32)
    steps = values >> 2 ^ (0 - (values >> 1 & 1))
    second = (values & 1).astype(bool)
    sums = [np.cumsum(np.where(chosen, steps, 0), dtype=np.uint32) for chosen in (~second, second)]
    return np.where(second, sums[1], sums[0])
