"""Numbers that lie anywhere in memory, asked for while something else is computed."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

_READ, _KEEP, _DATA = 0, 3, 1
"""Operands of LLVM's ``prefetch``."""


@intrinsic
def fetch_ahead(typing_context: Any, array: Any, place: Any) -> Any:
    """Asks for the number of a vector at a place, without a sign; nothing waits for it.

    It may be left out, or come to late: what is read afterwards is the same.
    """
    del typing_context, place

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        vector = make_array(signature.args[0])(context, builder, given[0])
        pointer = builder.bitcast(builder.gep(vector.data, [given[1]]), cgutils.voidptr_t)
        numbers = [ir.IntType(32)] * 3
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, *numbers])
        function = builder.module.declare_intrinsic("llvm.prefetch", (cgutils.voidptr_t,), kind)
        how = [ir.Constant(each, value) for each, value in zip(numbers, (_READ, _KEEP, _DATA))]
        builder.call(function, [pointer, *how])
        return context.get_dummy_value()

    return types.void(array, types.uint64), generate
