"""The loop of splats/packing.py, in LLVM's instructions (renderers/native.py)."""

from __future__ import annotations

from llvmlite import ir

from ..native import DOUBLE, FLOAT, HALF_INT, INT, POINTER, Code, half_integer, integer, number
from .packing import SHAPE_WORDS

LOWEST = 32767
UPPER = (1023, 1023, 511)

_AHEAD, _LINE = 8, 16
"""Splats that are looked for in advance; numbers in a line of the cache."""

_SHORTEST, _LONGEST = 0x1000, 0x7F7F
"""The upper half of an f32 so small that what it divides just stays finite, and that of the largest."""

_SHORT_QUATERNION = 1e-24
"""Squared length below which a quaternion has no direction."""


def add_pack(module: ir.Module) -> None:
    """pack(rows, count, terms, width, means, scales, rotations, opacities, sh, shapes, colors): packs the splats of
    `rows`, u32, of the arrays means, rotations and sh of an asset; scales, opacities, shapes and colors are those of
    these rows alone. terms: coefficients of each. width: words of colour in a row."""
    code = Code(module, "pack", [POINTER, INT, INT, INT] + [POINTER] * 7)
    do, (rows, count, terms, width, means, scales, rotations, opacities, sh, shapes, colors) = code.do, code.take
    per_splat, last = do.mul(terms, integer(3)), do.sub(count, integer(1))

    def each(index: ir.Value) -> None:
        # Rows lie anywhere: without this, most of the time is spent on waiting for them.
        later = do.zext(code.get(rows, code.least(do.add(index, integer(_AHEAD)), last), HALF_INT), INT)
        code.fetch(means, do.mul(later, integer(3)))
        code.fetch(rotations, do.mul(later, integer(4)))
        begin = do.mul(later, per_splat)
        code.loop(begin, do.add(begin, per_splat), lambda place: code.fetch(sh, place), step=_LINE)
        row = do.zext(code.get(rows, index, HALF_INT), INT)
        shape, color = do.mul(index, integer(SHAPE_WORDS)), do.mul(index, width)

        def keep(word: int, value: ir.Value) -> None:
            code.put(shapes, do.add(shape, integer(word)), value)

        for axis, value in enumerate(code.fields(means, row, 3, range(3))):
            keep(axis, value)
        for part, value in enumerate(_direction(code, code.fields(rotations, row, 4, range(4)))):
            keep(4 + part, value)
        for axis, value in enumerate(code.fields(scales, index, 3, range(3))):
            keep(8 + axis, value)
        start = do.mul(row, per_splat)
        lowest = [code.get(sh, do.add(start, integer(channel))) for channel in range(3)]
        short, inverse = _short_scale(code, _largest(code, lowest))
        factor = do.fmul(inverse, number(LOWEST))
        red, green, blue = (code.nearest(do.fmul(value, factor)) for value in lowest)
        code.put(colors, color, do.or_(do.shl(green, half_integer(16)), do.and_(red, half_integer(0xFFFF))))
        dense = code.nearest(do.fmul(code.get(opacities, index), number(65535)))
        keep(3, do.or_(do.shl(dense, half_integer(16)), do.and_(blue, half_integer(0xFFFF))))
        upper = _pack_upper(code, sh, start, colors, color, terms)
        keep(11, do.or_(short, do.shl(upper, half_integer(16))))

    code.loop(integer(0), count, each)
    code.end()


def _pack_upper(
    code: Code, sh: ir.Value, start: ir.Value, colors: ir.Value, color: ir.Value, terms: ir.Value
) -> ir.Value:
    """Writes the words of the bands above 0; returns their scale, 0 where there are none."""
    do = code.do

    def values(term: ir.Value) -> list[ir.Value]:
        place = do.add(start, do.mul(term, integer(3)))
        return [code.get(sh, do.add(place, integer(channel))) for channel in range(3)]

    def look(term: ir.Value, *most: ir.Value) -> list[ir.Value]:
        return [code.greatest(code.magnitude(value), known) for value, known in zip(values(term), most, strict=True)]

    most = code.loop(integer(1), terms, look, number(0), number(0), number(0))
    short, inverse = _short_scale(code, _largest(code, most))

    def write(term: ir.Value) -> None:
        shares = (do.fmul(do.fmul(value, inverse), number(top)) for value, top in zip(values(term), UPPER, strict=True))
        red, green, blue = (code.nearest(share) for share in shares)
        red, green = (do.and_(word, half_integer(0x7FF)) for word in (red, green))
        word = do.or_(do.or_(red, do.shl(green, half_integer(11))), do.shl(blue, half_integer(22)))
        code.put(colors, do.add(color, term), word)

    code.loop(integer(1), terms, write)
    return do.select(code.less(integer(1), terms), short, half_integer(0))


def _largest(code: Code, values: list[ir.Value]) -> ir.Value:
    """The largest magnitude of three."""
    first, second, third = (code.magnitude(value) for value in values)
    return code.greatest(code.greatest(first, second), third)


def _short_scale(code: Code, largest: ir.Value) -> tuple[ir.Value, ir.Value]:
    """The upper half of the f32 of which `largest` is at most a share of one, rounded up, and its inverse."""
    do = code.do
    upper = do.lshr(do.add(do.bitcast(largest, HALF_INT), half_integer(0xFFFF)), half_integer(16))
    short = code.least(code.greatest(upper, half_integer(_SHORTEST)), half_integer(_LONGEST))
    scale = do.bitcast(do.shl(short, half_integer(16)), FLOAT)
    return short, do.fdiv(number(1), scale)


def _direction(code: Code, parts: list[ir.Value]) -> list[ir.Value]:
    """A quaternion of length 1; the identity where it has no direction."""
    do = code.do
    exact = [do.fpext(part, DOUBLE) for part in parts]
    square = ir.Constant(DOUBLE, 0.0)
    for part in exact:
        square = do.fadd(square, do.fmul(part, part))
    has_one = do.fcmp_ordered(">", square, ir.Constant(DOUBLE, _SHORT_QUATERNION))
    length = code.root(square)
    identity = (1.0, 0.0, 0.0, 0.0)
    return [
        do.select(has_one, do.fptrunc(do.fdiv(part, length), FLOAT), number(other))
        for part, other in zip(exact, identity, strict=True)
    ]
