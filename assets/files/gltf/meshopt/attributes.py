"""The codec for rows of attributes, versions 0 and 1.

Rows come in blocks of up to 256, each byte of the rows on its own, in groups of 16 differences to the row before. Where
a group ends hangs on what is in it, so the groups are found one after the other first (in Python, with the size that a
group would have at each byte of the stream looked up), and then decoded thousands at a time.
"""

from __future__ import annotations

from array import array

import numpy as np

_GROUP = 16
_HEADERS = (0xA0, 0xA1)
_SHORTEST_TAIL = {0: 32, 1: 24}
_BITS = {(0, 0): (0, 2, 4, 8), (1, 0): (0, 1, 2, 4), (1, 1): (1, 2, 4, 8)}
"""How many bits a difference takes in each of the four kinds of groups, by version and control mode. One of all bits
set says that the difference follows as a byte of its own."""
_SHIFTS = {1: tuple(range(8)), 2: (6, 4, 2, 0), 4: (4, 0)}
_ZEROS, _LITERAL = 2, 3
_KINDS = [tuple(byte >> shift & 3 for shift in (0, 2, 4, 6)) for byte in range(256)]
_ROOM = 64
"""Zero bytes behind the stream, so that nothing is read outside of it."""
_BLOCKS_AT_ONCE = 256


def _block_rows(stride: int) -> int:
    """Rows in each block but the last one."""
    return min(8192 // stride & ~15, 256)


def _tail_bytes(stride: int, version: int) -> int:
    """Bytes behind the last block, with their padding."""
    return max(stride + (stride // 4 if version else 0), _SHORTEST_TAIL[version])


def least_bytes(count: int, stride: int) -> int:
    """The length of the shortest stream of `count` rows of `stride` bytes: one of zeros, in version 1."""
    return 1 + -(-count // _block_rows(stride)) * (stride // 4) + _tail_bytes(stride, 1)


def decode_attributes(data: bytes, count: int, stride: int) -> np.ndarray:
    """The rows (count,stride) u8 of a stream. Raises ValueError or IndexError where it is damaged."""
    if data[0] not in _HEADERS:
        raise ValueError("has no known header")
    version = data[0] & 15
    tail = stride + (stride // 4 if version else 0)
    end = len(data) - _tail_bytes(stride, version)
    if end < 1:
        raise ValueError("ends too early")
    first = np.frombuffer(data, np.uint8, stride, len(data) - tail)
    channels = data[len(data) - stride // 4 :] if version else bytes(stride // 4)
    differences = _differences(_Stream(data, version, stride), count, stride, end)
    return np.ascontiguousarray(_summed(differences, first, channels).T)


def _differences(stream: _Stream, count: int, stride: int, end: int) -> np.ndarray:
    """The differences (stride,count) u8 as they are stored."""
    found = np.empty((stride, count), np.uint8)
    rows, done = _block_rows(stride), 0
    while done < count:
        blocks = min(_BLOCKS_AT_ONCE, max((count - done) // rows, 1))
        number = min(rows, count - done)
        groups = -(-number // _GROUP)
        for _ in range(blocks):
            stream.find_block(number, groups)
        parts = stream.decode_found().reshape(blocks, stride, groups * _GROUP)[:, :, :number]
        found[:, done : done + blocks * number] = parts.transpose(1, 0, 2).reshape(stride, -1)
        done += blocks * number
    if stream.at != end:
        raise ValueError("is not as long as its blocks")
    return found


class _Stream:
    """Walks along a stream. at: the place of what comes next."""

    def __init__(self, data: bytes, version: int, stride: int) -> None:
        self.data, self.version, self.stride, self.at = data, version, stride, 1
        self._bytes = np.frombuffer(data + bytes(_ROOM), np.uint8)
        self._sizes = {bits: _sizes(self._bytes, bits, len(data)) for bits in (0, 1, 2, 4, 8)}
        self._starts, self._bits = array("q"), array("B")

    def find_block(self, rows: int, groups: int) -> None:
        """Finds the groups of a block, for each byte of its rows."""
        control = self.at
        self.at += self.stride // 4 if self.version else 0
        for byte in range(self.stride):
            mode = self.data[control + byte // 4] >> 2 * (byte % 4) & 3 if self.version else 0
            if mode == _ZEROS:
                self._starts.extend([0] * groups)
                self._bits.extend([0] * groups)
            elif mode == _LITERAL:
                self._starts.extend(range(self.at, self.at + groups * _GROUP, _GROUP))
                self._bits.extend([8] * groups)
                self.at += rows
                if self.at > len(self.data):
                    raise ValueError("ends too early")
            else:
                self._find_groups(groups, _BITS[self.version, mode])

    def _find_groups(self, groups: int, bits: tuple[int, ...]) -> None:
        headers = self.data[self.at : self.at + -(-groups // 4)]
        kinds = [kind for byte in headers for kind in _KINDS[byte]][:groups]
        at, sizes, starts = self.at + len(headers), [self._sizes[width] for width in bits], self._starts
        for kind in kinds:
            starts.append(at)
            at += sizes[kind][at]
        self.at = at
        self._bits.extend([bits[kind] for kind in kinds])
        if len(kinds) < groups:
            raise ValueError("ends too early")

    def decode_found(self) -> np.ndarray:
        """The differences (n,16) u8 of the groups found since the last time."""
        starts, bits = np.frombuffer(self._starts, np.int64), np.frombuffer(self._bits, np.uint8)
        out = np.zeros((len(starts), _GROUP), np.uint8)
        for width, shifts in _SHIFTS.items():
            rows = np.flatnonzero(bits == width)
            packed = self._bytes[starts[rows, None] + np.arange(2 * width)]
            values = (packed[:, :, None] >> np.array(shifts, np.uint8) & (1 << width) - 1).reshape(-1, _GROUP)
            spelt = values == (1 << width) - 1
            places = starts[rows, None] + 2 * width - 1 + np.cumsum(spelt, 1)
            out[rows] = np.where(spelt, self._bytes[places], values)
        rows = np.flatnonzero(bits == 8)
        # The last group of literals may reach behind the stream; what it lacks there belongs to no row.
        out[rows] = self._bytes[np.minimum(starts[rows, None] + np.arange(_GROUP), len(self._bytes) - 1)]
        self._starts, self._bits = array("q"), array("B")
        return out


def _sizes(padded: np.ndarray, bits: int, length: int) -> bytes:
    """The size of a group of such differences, if it began at each of the `length` bytes."""
    if bits in (0, 8):
        return bytes([2 * bits]) * length
    every = np.arange(256, dtype=np.uint8)[:, None] >> np.array(_SHIFTS[bits], np.uint8) & (1 << bits) - 1
    spelt = np.cumsum((every == (1 << bits) - 1).sum(1, dtype=np.uint8)[padded], dtype=np.int64)
    before = np.concatenate([[0], spelt])
    return (2 * bits + before[2 * bits : 2 * bits + length] - before[:length]).astype(np.uint8).tobytes()


def _summed(differences: np.ndarray, first: np.ndarray, channels: bytes) -> np.ndarray:
    """The bytes (stride,count) of the rows, by the mode of each channel of four bytes. Overwrites `differences`."""
    for channel, mode in enumerate(channels):
        part = slice(4 * channel, 4 * channel + 4)
        if mode & 15 > 2 or (mode & 15 < 2 and mode >> 4):
            raise ValueError("has a channel of an unknown mode")
        if mode & 15 == 2:
            words = differences[part].T.copy().view("<u4")[:, 0]
            turn = mode >> 4
            words = words >> np.uint32(turn) | words << np.uint32((32 - turn) % 32) if turn else words
            words[0] ^= first[part].view("<u4")[0]
            differences[part] = np.bitwise_xor.accumulate(words).view(np.uint8).reshape(-1, 4).T
            continue
        width = "<u2" if mode & 15 else "u1"
        numbers = np.ascontiguousarray(differences[part].T).view(width)
        numbers = numbers >> 1 ^ (0 - (numbers & 1))
        numbers[0] += first[part].view(width)
        differences[part] = np.cumsum(numbers, 0, dtype=numbers.dtype).view(np.uint8).T
    return differences
