"""Loops for the processor, written in LLVM's instructions and compiled when they are needed.

llvmlite is LLVM for Python. What is built here is machine code of this very processor, a few kilobytes in a few dozen
milliseconds, with vectors where it says vectors: nothing hangs on what a compiler makes of a loop. Called through
ctypes, a function holds no lock of the interpreter, so threads run it at once.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import binding, ir

INT, FLOAT, BYTE, HALF_INT = ir.IntType(64), ir.FloatType(), ir.IntType(8), ir.IntType(32)
DOUBLE = ir.DoubleType()
POINTER = ir.PointerType()
LANES = 8
VECTOR = ir.VectorType(FLOAT, LANES)

Body = Callable[..., Sequence[ir.Value] | None]

_SIZES = {INT: 8, FLOAT: 4, BYTE: 1, HALF_INT: 4}
_SUFFIXES = {FLOAT: "f32", DOUBLE: "f64", VECTOR: "v8f32"}
_ARGUMENTS = {INT: ctypes.c_int64, FLOAT: ctypes.c_float, POINTER: ctypes.c_void_p}


class Code:
    """A function in the making, named `name`, that takes arguments of `types` and returns nothing. Methods append
    instructions and return their values; `take` gives the arguments."""

    def __init__(self, module: ir.Module, name: str, types: Sequence[ir.Type]) -> None:
        self._function = ir.Function(module, ir.FunctionType(ir.VoidType(), types), name)
        self._module = module
        self.do = ir.IRBuilder(self._function.append_basic_block())

    @property
    def take(self) -> Sequence[ir.Value]:
        """The arguments."""
        return self._function.args

    def end(self) -> None:
        """Returns from the function."""
        self.do.ret_void()

    # Memory.

    def address(self, array: ir.Value, index: ir.Value, kind: ir.Type = FLOAT) -> ir.Value:
        """Where item `index` of an array is."""
        return self.do.gep(array, [index], source_etype=kind)

    def get(self, array: ir.Value, index: ir.Value, kind: ir.Type = FLOAT) -> ir.Value:
        """Item `index` of an array; a vector's first one lies there."""
        scalar = FLOAT if kind == VECTOR else kind
        return self.do.load(self.address(array, index, scalar), align=_SIZES[scalar], typ=kind)

    def put(self, array: ir.Value, index: ir.Value, value: ir.Value) -> None:
        """Writes item `index` of an array, or eight from there on."""
        scalar = FLOAT if value.type == VECTOR else value.type
        self.do.store(value, self.address(array, index, scalar), align=_SIZES[scalar])

    def fetch(self, array: ir.Value, index: ir.Value) -> None:
        """Has the processor bring the lines of its cache around item `index` of f32, which will be read soon."""
        name = "llvm.prefetch.p0"
        kinds = [POINTER, HALF_INT, HALF_INT, HALF_INT]
        function = self._module.globals.get(name)
        function = function or ir.Function(self._module, ir.FunctionType(ir.VoidType(), kinds), name)
        self.do.call(function, [self.address(array, index), *map(half_integer, (0, 3, 1))])

    def fields(self, array: ir.Value, row: ir.Value, width: int, columns: Sequence[int]) -> list[ir.Value]:
        """Some columns of a row of an array of f32 `width` wide."""
        start = self.do.mul(row, integer(width))
        return [self.get(array, self.do.add(start, integer(column))) for column in columns]

    # Numbers.

    def least(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """The smaller one; of floats `b` where `a` is no number."""
        return self.do.select(self.less(a, b), a, b)

    def greatest(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """The larger one; of floats `b` where `a` is no number."""
        return self.do.select(self.less(b, a), a, b)

    def less(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """Whether a < b, which no number that is none ever is."""
        is_whole = isinstance(a.type, ir.IntType)
        return self.do.icmp_signed("<", a, b) if is_whole else self.do.fcmp_ordered("<", a, b)

    def muladd(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        """a·b + c, rounded once where the processor can."""
        return self._intrinsic("llvm.fmuladd", a, b, c)

    def root(self, a: ir.Value) -> ir.Value:
        """√a."""
        return self._intrinsic("llvm.sqrt", a)

    def magnitude(self, a: ir.Value) -> ir.Value:
        """Its absolute value."""
        return self._intrinsic("llvm.fabs", a)

    def nearest(self, a: ir.Value) -> ir.Value:
        """The nearest whole number within ±2²², as the lowest bits of 32: the sum with 1.5·2²³ is a float that ends
        with them, in two's complement."""
        return self.do.bitcast(self.do.fadd(a, number(1.5 * 2**23)), HALF_INT)

    def up(self, a: ir.Value) -> ir.Value:
        """The next whole number above, as an integer. `a` must be in its range."""
        return self.do.fptosi(self._intrinsic("llvm.ceil", a), INT)

    def down(self, a: ir.Value) -> ir.Value:
        """The next whole number below, as an integer. `a` must be in its range."""
        return self.do.fptosi(self._intrinsic("llvm.floor", a), INT)

    def spread(self, a: ir.Value) -> ir.Value:
        """A vector of eight times the same."""
        first = self.do.insert_element(ir.Constant(VECTOR, ir.Undefined), a, HALF_INT(0))
        return self.do.shuffle_vector(first, first, ir.Constant(ir.VectorType(HALF_INT, LANES), [0] * LANES))

    def largest_of(self, vector: ir.Value) -> ir.Value:
        """The largest of eight."""
        return self._intrinsic("llvm.vector.reduce.fmax", vector, returns=FLOAT)

    def _intrinsic(self, name: str, *values: ir.Value, returns: ir.Type | None = None) -> ir.Value:
        """Calls one of LLVM's own functions; it returns what it takes where nothing else is said."""
        kind = values[0].type
        full_name = f"{name}.{_SUFFIXES[kind]}"
        function = self._module.globals.get(full_name)
        if function is None:
            types = ir.FunctionType(returns or kind, [kind] * len(values))
            function = ir.Function(self._module, types, full_name)
        return self.do.call(function, values)

    # Control.

    def when(self, condition: ir.Value, body: Callable[[], None]) -> None:
        """Does `body` only where `condition` holds."""
        with self.do.if_then(condition):
            body()

    def loop(self, start: ir.Value, stop: ir.Value, body: Body, *carried: ir.Value, step: int = 1) -> list[ir.Value]:
        """Does body(index, *carried) for start ≤ index < stop. It returns the next values of what is carried along,
        and these are returned in the end."""
        return self._cycle(start, lambda *_: stop, body, carried, step)

    def loop_on(self, start: ir.Value, stop: ir.Value, body: Body) -> None:
        """Does body(index, stop) for start ≤ index < stop. It returns the next stop, alone in a tuple."""
        self._cycle(start, lambda stop: stop, body, (stop,), 1)

    def _cycle(
        self, start: ir.Value, bound: Callable[..., ir.Value], body: Body, carried: Sequence[ir.Value], step: int
    ) -> list[ir.Value]:
        before, do = self.do.block, self.do
        head, inside, after = (do.append_basic_block() for _ in range(3))
        do.branch(head)
        do.position_at_end(head)
        moving = [do.phi(value.type) for value in (start, *carried)]
        for phi, value in zip(moving, (start, *carried), strict=True):
            phi.add_incoming(value, before)
        do.cbranch(do.icmp_signed("<", moving[0], bound(*moving[1:])), inside, after)
        do.position_at_end(inside)
        following = [do.add(moving[0], integer(step)), *(body(*moving) or ())]
        for phi, value in zip(moving, following, strict=True):
            phi.add_incoming(value, do.block)
        do.branch(head)
        do.position_at_end(after)
        return moving[1:]


def integer(value: int) -> ir.Constant:
    """A whole number, 64 bits."""
    return ir.Constant(INT, value)


def half_integer(value: int) -> ir.Constant:
    """A whole number, 32 bits."""
    return ir.Constant(HALF_INT, value)


def number(value: float) -> ir.Constant:
    """A number, f32."""
    return ir.Constant(FLOAT, float(np.float32(value)))


def numbers(*values: float) -> ir.Constant:
    """Eight numbers, or eight times the one."""
    return ir.Constant(VECTOR, [number(value) for value in (values if len(values) == LANES else values * LANES)])


class Compiled:
    """The functions of a module, callable by name: arrays are handed over as they lie in memory, in one piece."""

    def __init__(self, module: ir.Module) -> None:
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        machine = binding.Target.from_default_triple().create_target_machine(
            cpu=binding.get_host_cpu_name(), features=binding.get_host_cpu_features().flatten(), opt=2, jit=True
        )
        parsed = binding.parse_assembly(str(module))
        parsed.verify()
        self._engine = binding.create_mcjit_compiler(parsed, machine)
        self._engine.finalize_object()
        self._functions = {
            function.name: ctypes.CFUNCTYPE(None, *(_ARGUMENTS[each.type] for each in function.args))(
                self._engine.get_function_address(function.name)
            )
            for function in module.functions
            if not function.is_declaration
        }

    def call(self, name: str, *arguments: Any) -> None:
        """Runs a function to its end. Raises ValueError for an array that does not lie in one piece."""
        given = []
        for argument in arguments:
            if isinstance(argument, np.ndarray):
                if not argument.flags.c_contiguous:
                    raise ValueError(f"an argument of {name} does not lie in one piece")
                argument = argument.ctypes.data
            given.append(argument)
        self._functions[name](*given)
