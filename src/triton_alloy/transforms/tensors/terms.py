"""Elementwise arithmetic written as Python expressions: `(x & 7) << 2` builds the ops for scalars and tensors alike.

Integers are i32 or of the operands' own width; a Python number is a constant of the other operand's type. Comparisons
are signed; `shift_right` is logical.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...dialects.arith import EQ, FLOAT, NE, SGE, SGT, SLE, SLT
from ...ir.core import Builder, Value
from ...ir.types import F32, I1, I32, FloatType, Type, element_of, with_element

_SIGNED = {"==": EQ, "!=": NE, "<": SLT, "<=": SLE, ">": SGT, ">=": SGE}
_ORDERED = {"==": "oeq", "!=": "une", "<": "olt", "<=": "ole", ">": "ogt", ">=": "oge"}


@dataclass(frozen=True, eq=False)
class Term:
    """A value to compute with, and where the ops go."""

    builder: Builder
    value: Value

    @property
    def element(self) -> Type:
        return element_of(self.value.type)

    @property
    def is_float(self) -> bool:
        return isinstance(self.element, FloatType)

    def typed(self, element: Type) -> Type:
        """The type of this shape with another element."""
        return with_element(self.value.type, element)

    def op(self, name: str, *operands: Term | int | float, element: Type | None = None, **attributes) -> Term:
        """Any elementwise op of this term and others; the result has this term's element type unless said."""
        values = [self.value, *(self.lift(operand).value for operand in operands)]
        return Term(self.builder, self.builder.value(name, values, self.typed(element or self.element), attributes))

    def lift(self, other: Term | int | float) -> Term:
        """A number as a constant of this term's type."""
        if isinstance(other, Term):
            return other
        number = float(other) if self.is_float else int(other)
        return Term(self.builder, self.builder.constant(number, self.value.type))

    def _each(self, integer: str, floating: str, other: Term | int | float) -> Term:
        return self.op(f"arith.{floating if self.is_float else integer}", other)

    def __add__(self, other: Term | int | float) -> Term:
        return self._each("addi", "addf", other)

    def __sub__(self, other: Term | int | float) -> Term:
        return self._each("subi", "subf", other)

    def __mul__(self, other: Term | int | float) -> Term:
        return self._each("muli", "mulf", other)

    def __truediv__(self, other: Term | int | float) -> Term:
        return self.op("tt.precise_divf", other)

    def __neg__(self) -> Term:
        return self.op("arith.negf")

    def __and__(self, other: Term | int) -> Term:
        return self.op("arith.andi", other)

    def __or__(self, other: Term | int) -> Term:
        return self.op("arith.ori", other)

    def __xor__(self, other: Term | int) -> Term:
        return self.op("arith.xori", other)

    def __lshift__(self, other: Term | int) -> Term:
        return self.op("arith.shli", other)

    def shift_right(self, other: Term | int) -> Term:
        return self.op("arith.shrui", other)

    def compare(self, symbol: str, other: Term | int | float) -> Term:
        """`symbol`: one of == != < <= > >=; of floats ordered ones, but !=."""
        if self.is_float:
            return self.op("arith.cmpf", other, element=I1, predicate=FLOAT[_ORDERED[symbol]])
        return self.op("arith.cmpi", other, element=I1, predicate=_SIGNED[symbol])

    def where(self, yes: Term | int | float, no: Term | int | float) -> Term:
        """This condition's choice; at least one of the two is a Term."""
        if not isinstance(yes, Term):
            assert isinstance(no, Term)
            yes = no.lift(yes)
        values = [self.value, yes.value, yes.lift(no).value]
        return Term(self.builder, self.builder.value("arith.select", values, yes.value.type))

    def minimum(self, other: Term | int) -> Term:
        return self.op("arith.minsi", other)

    def cast(self, name: str, element: Type) -> Term:
        """`name`: extsi, extui, trunci, sitofp, fptosi, extf, truncf; nothing where the type is that already."""
        return self if self.element is element else self.op(f"arith.{name}", element=element)

    def bitcast(self, element: Type) -> Term:
        return self if self.element is element else self.op("tt.bitcast", element=element)

    def as_i32(self) -> Term:
        """The bits of an f32, or an integer of fewer bits extended by zeros."""
        return self.bitcast(I32) if self.element is F32 else self.cast("extui", I32)

    def to_f32(self) -> Term:
        return self.cast("extf", F32)
