"""The loops of splats/tiles.py, in LLVM's instructions (renderers/native.py).

A *mark* is a splat in the picture: 16 words of 32 bits. A quarter of the distance d in σ from its centre, along both
axes, is U·(x, y) and V·(x, y) for an offset x, y in pixels; where the sum of their squares, d²/16, is above CUT, it is
too faint to be seen. (One quadratic form would do with less, but loses what is thin and far from its centre.)
exp(−d²/2) is the eighth power of exp(−d²/16), for which six terms of the series do. A picture has planes of f32: red,
green, blue, the light that is left for what lies behind, each `plane` long with `stride` in a row.
"""

from __future__ import annotations

from llvmlite import ir

from ..native import BYTE, FLOAT, HALF_INT, INT, LANES, POINTER, VECTOR, Body, Code, integer, number, numbers
from .projection import LARGEST_ALPHA, SMALLEST_TRANSMITTANCE

TILE = 32
"""Pixels along either side of a tile."""

MARK = 16
"""Words of a mark."""

RECORD = 12
"""Numbers of a record of gaussian_project.glsl."""

X, Y, U_X, U_Y, V_X, V_Y, CUT, ALPHA, RED, GREEN, BLUE, DEPTH = range(12)
FIRST_X, BEHIND_X, FIRST_Y, BEHIND_Y = range(12, 16)
"""Words of a mark: floats, then whole numbers, the pixels that it may touch."""

_LARGEST_COLOR = 65504.0
"""Of a half float; an infinite colour would be no number where it is not seen."""

_CHECK_EVERY = 32


def add_painting(module: ir.Module) -> None:
    """Adds the functions `mark`, `tally`, `deal` and `paint`, which say below what they do."""
    _mark(Code(module, "mark", [POINTER, INT, FLOAT, FLOAT, POINTER]))
    _tally(Code(module, "tally", [POINTER, INT, INT, POINTER, POINTER]))
    _deal(Code(module, "deal", [POINTER, INT, INT, POINTER, POINTER, POINTER]))
    _paint(Code(module, "paint", [INT] * 6 + [POINTER] * 6))


def _mark(code: Code) -> None:
    """mark(records, count, width, height, marks): from records of gaussian_project.glsl, whose half axes span the
    ellipse up to where it ends, to marks, y upwards. What is hidden, or made of numbers that are none, touches no
    pixel."""
    do, (records, count, width, height, marks) = code.do, code.take
    half_width, half_height = (do.fmul(number(0.5), size) for size in (width, height))

    def each(row: ir.Value) -> None:
        names = code.fields(records, row, RECORD, range(RECORD))
        at_x, at_y, at_z, reach, major_x, major_y, minor_x, minor_y, *tint = names
        major_x, minor_x = do.fmul(half_width, major_x), do.fmul(half_width, minor_x)
        major_y, minor_y = do.fmul(half_height, major_y), do.fmul(half_height, minor_y)
        # Of the centre, as an offset from the middle of the first pixel.
        x = do.fsub(code.muladd(half_width, at_x, half_width), number(0.5))
        y = do.fsub(code.muladd(half_height, at_y, half_height), number(0.5))
        side_x = code.root(_dot(code, major_x, minor_x, major_x, minor_x))
        side_y = code.root(_dot(code, major_y, minor_y, major_y, minor_y))
        left, right = do.fsub(x, side_x), do.fadd(x, side_x)
        low, high = do.fsub(y, side_y), do.fadd(y, side_y)
        start = do.mul(row, integer(MARK))
        for word in range(FIRST_X, BEHIND_Y + 1):
            code.put(marks, do.add(start, integer(word)), HALF_INT(0))
        # Steps of one σ along both axes, turned into quarters of σ for a step of one pixel.
        longer, shorter = (
            do.fdiv(do.fmul(number(0.25), reach), _dot(code, along_x, along_y, along_x, along_y))
            for along_x, along_y in ((major_x, major_y), (minor_x, minor_y))
        )
        steps = [
            do.fmul(longer, major_x),
            do.fmul(longer, major_y),
            do.fmul(shorter, minor_x),
            do.fmul(shorter, minor_y),
        ]
        total = do.fadd(_dot(code, *steps[:2], *steps[:2]), _dot(code, *steps[2:], *steps[2:]))
        sound = do.and_(code.less(number(0), reach), code.less(number(0), tint[3]))
        for lower, upper in ((left, right), (low, high), (total, number(float("inf")))):
            sound = do.and_(sound, code.less(lower, upper))

        def keep() -> None:
            cut = do.fmul(number(1 / 16), do.fmul(reach, reach))
            depth = code.muladd(number(0.5), at_z, number(0.5))
            color = (code.least(code.greatest(part, number(0)), number(_LARGEST_COLOR)) for part in tint[:3])
            found = (x, y, *steps, cut, tint[3], *color, depth)
            for word, value in enumerate(found):
                code.put(marks, do.add(start, integer(word)), value)
            sides = ((FIRST_X, left, right, width), (FIRST_Y, low, high, height))
            for word, lower, upper, size in sides:
                first = code.up(code.least(code.greatest(lower, number(0)), size))
                last = code.greatest(code.least(upper, do.fsub(size, number(1))), number(-1))
                behind = do.add(code.down(last), integer(1))
                code.put(marks, do.add(start, integer(word)), do.trunc(first, HALF_INT))
                code.put(marks, do.add(start, integer(word + 1)), do.trunc(behind, HALF_INT))

        code.when(sound, keep)

    code.loop(integer(0), count, each)
    code.end()


def _dot(code: Code, a: ir.Value, b: ir.Value, c: ir.Value, d: ir.Value) -> ir.Value:
    """(a, b)·(c, d)."""
    return code.muladd(a, c, code.do.fmul(b, d))


def _box(code: Code, marks: ir.Value, row: ir.Value) -> list[ir.Value]:
    """Which pixels a mark may touch: first x, behind x, first y, behind y."""
    start = code.do.mul(row, integer(MARK))
    places = (code.do.add(start, integer(word)) for word in range(FIRST_X, BEHIND_Y + 1))
    return [code.do.sext(code.get(marks, place, HALF_INT), INT) for place in places]


def _each_tile(code: Code, marks: ir.Value, row: ir.Value, columns: ir.Value, full: ir.Value, body: Body) -> None:
    """Does body(tile) for every tile that a mark touches and that is not full."""
    do = code.do
    first_x, behind_x, first_y, behind_y = _box(code, marks, row)
    size = integer(TILE - 1)
    shift = integer(TILE.bit_length() - 1)
    begin_x, end_x = do.ashr(first_x, shift), do.ashr(do.add(behind_x, size), shift)
    begin_y, end_y = do.ashr(first_y, shift), do.ashr(do.add(behind_y, size), shift)

    def open_only(tile: ir.Value) -> None:
        is_open = do.icmp_signed("==", code.get(full, tile, BYTE), BYTE(0))
        code.when(is_open, lambda: body(tile))

    def along(line: ir.Value) -> None:
        before = do.mul(line, columns)
        code.loop(do.add(before, begin_x), do.add(before, end_x), open_only)

    code.when(
        do.and_(code.less(first_x, behind_x), code.less(first_y, behind_y)),
        lambda: code.loop(begin_y, end_y, along),
    )


def _tally(code: Code) -> None:
    """tally(marks, count, columns, full, counts): adds to counts[tile + 1], i64, how many marks touch each tile that is
    not full."""
    marks, count, columns, full, counts = code.take

    def tick(tile: ir.Value) -> None:
        place = code.do.add(tile, integer(1))
        code.put(counts, place, code.do.add(code.get(counts, place, INT), integer(1)))

    code.loop(integer(0), count, lambda row: _each_tile(code, marks, row, columns, full, tick))
    code.end()


def _deal(code: Code) -> None:
    """deal(marks, count, columns, full, places, items): writes which marks touch a tile that is not full, the last one
    first, into items, i32, from places[tile], i64, on, which move along."""
    do, (marks, count, columns, full, places, items) = code.do, code.take

    def each(index: ir.Value) -> None:
        row = do.sub(do.sub(count, integer(1)), index)

        def write(tile: ir.Value) -> None:
            place = code.get(places, tile, INT)
            code.put(items, place, do.trunc(row, HALF_INT))
            code.put(places, tile, do.add(place, integer(1)))

        _each_tile(code, marks, row, columns, full, write)

    code.loop(integer(0), count, each)
    code.end()


def _paint(code: Code) -> None:
    """paint(first, last, columns, stride, plane, depth_stride, starts, items, marks, planes, depths, full): lays marks
    under what is there, in tiles first … last. Those of a tile are items[starts[tile]] … items[starts[tile + 1]],
    nearest first. depths: of what is opaque, 0 … 1, in rows of depth_stride; 0 where all are the same. full[tile], a
    byte: whether nothing behind is seen any more."""
    do, (first, last, columns, _, _, _, starts, items, _, _, _, full) = code.do, code.take

    def each_tile(tile: ir.Value) -> None:
        corner_x = do.mul(do.srem(tile, columns), integer(TILE))
        corner_y = do.mul(do.sdiv(tile, columns), integer(TILE))
        start, stop = code.get(starts, tile, INT), code.get(starts, do.add(tile, integer(1)), INT)

        def each_item(place: ir.Value, end: ir.Value) -> tuple[ir.Value]:
            row = do.sext(code.get(items, place, HALF_INT), INT)
            _lay_under(code, row, corner_x, corner_y)
            # Seldom, since looking takes as long as a small mark.
            is_time = do.icmp_signed("==", do.and_(place, integer(_CHECK_EVERY - 1)), integer(0))
            with do.if_else(is_time) as (then, otherwise):
                with then:
                    lets_nothing = code.less(_most_light(code, corner_x, corner_y), number(SMALLEST_TRANSMITTANCE))
                    looked = do.block
                with otherwise:
                    passed = do.block
            is_full = do.phi(ir.IntType(1))
            is_full.add_incoming(lets_nothing, looked)
            is_full.add_incoming(ir.Constant(ir.IntType(1), 0), passed)
            code.when(is_full, lambda: code.put(full, tile, BYTE(1)))
            return (do.select(is_full, integer(0), end),)

        open_end = do.select(do.icmp_signed("==", code.get(full, tile, BYTE), BYTE(0)), stop, start)
        code.loop_on(start, open_end, each_item)

    code.loop(first, last, each_tile)
    code.end()


def _lay_under(code: Code, row: ir.Value, corner_x: ir.Value, corner_y: ir.Value) -> None:
    """Lays one mark under what is there, within the tile at this corner: eight pixels at a time, whole groups of them,
    of which those that it doesn't reach get nothing."""
    do, (_, _, _, stride, plane, depth_stride, _, _, marks, planes, depths, _) = code.do, code.take
    mark = code.fields(marks, row, MARK, range(DEPTH + 1))
    x, y, u_x, u_y, v_x, v_y, cut, alpha, *color, near = mark
    first_x, behind_x, first_y, behind_y = _box(code, marks, row)
    begin_x = do.and_(code.greatest(first_x, corner_x), integer(-LANES))
    end_x = code.least(behind_x, do.add(corner_x, integer(TILE)))
    begin_y, end_y = code.greatest(first_y, corner_y), code.least(behind_y, do.add(corner_y, integer(TILE)))
    wide_u, wide_v, wide_cut, wide_alpha, wide_near = (code.spread(value) for value in (u_x, v_x, cut, alpha, near))
    wide_color = [code.spread(value) for value in color]
    ramp = numbers(*range(LANES))

    def each_line(line: ir.Value) -> None:
        up = do.fsub(do.sitofp(line, FLOAT), y)
        base_u, base_v = code.spread(do.fmul(u_y, up)), code.spread(do.fmul(v_y, up))
        before, depths_before = do.mul(line, stride), do.mul(line, depth_stride)

        def each_group(column: ir.Value) -> None:
            place = do.add(before, column)
            right = do.fadd(code.spread(do.fsub(do.sitofp(column, FLOAT), x)), ramp)
            u, v = code.muladd(wide_u, right, base_u), code.muladd(wide_v, right, base_v)
            square = code.muladd(u, u, do.fmul(v, v))
            seen = do.fcmp_ordered("<=", square, wide_cut)
            depth = code.get(depths, do.add(depths_before, column), VECTOR)
            seen = do.and_(seen, do.fcmp_ordered("<=", wide_near, depth))
            opaque = code.least(do.fmul(wide_alpha, _exponential(code, square)), numbers(LARGEST_ALPHA))
            place_left = do.add(do.mul(plane, integer(3)), place)
            left = code.get(planes, place_left, VECTOR)
            share = do.select(seen, do.fmul(left, opaque), numbers(0))
            for index, channel in enumerate(wide_color):
                target = do.add(do.mul(plane, integer(index)), place)
                code.put(planes, target, code.muladd(share, channel, code.get(planes, target, VECTOR)))
            code.put(planes, place_left, do.fsub(left, share))

        code.loop(begin_x, end_x, each_group, step=LANES)

    code.loop(begin_y, end_y, each_line)


def _exponential(code: Code, square: ir.Value) -> ir.Value:
    """e to the −8·square, for 0 ≤ square ≤ 0.7."""
    series = numbers(-1 / 120)
    for term in (1 / 24, -1 / 6, 1 / 2, -1.0, 1.0):
        series = code.muladd(series, square, numbers(term))
    for _ in range(3):
        series = code.do.fmul(series, series)
    return series


def _most_light(code: Code, corner_x: ir.Value, corner_y: ir.Value) -> ir.Value:
    """The most light that any pixel of a tile still lets through."""
    do, (_, _, _, stride, plane, _, _, _, _, planes, _, _) = code.do, code.take
    start = do.add(do.add(do.mul(plane, integer(3)), do.mul(corner_y, stride)), corner_x)

    def each_line(line: ir.Value, most: ir.Value) -> tuple[ir.Value]:
        place = do.add(start, do.mul(line, stride))
        for column in range(0, TILE, LANES):
            most = code.greatest(code.get(planes, do.add(place, integer(column)), VECTOR), most)
        return (most,)

    (most,) = code.loop(integer(0), integer(TILE), each_line, numbers(0))
    return code.largest_of(most)
