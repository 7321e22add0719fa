"""The pointers that a kernel takes: through which of its arguments it only reads, and what it needs of its runtime."""

from __future__ import annotations

from collections.abc import Iterable

from ...dialects.control import carried_through
from ...dialects.msl import LOG, row_of
from ...ir.core import Op, Value
from ...ir.registry import is_terminator
from ...ir.types import PointerType, element_of, with_element


def run(kernel: Op) -> None:
    """Make the pointers constant through which, and through any that leads to the same memory, nothing is written; and
    name in `services` the memory that the kernel needs beside its arguments."""
    known = groups(kernel)
    written = {known[pointer] for op in kernel.walk() for pointer in _written(op)}
    for pointer, group in known.items():
        if group not in written:
            pointer.type = with_element(pointer.type, PointerType(element_of(pointer.type).pointee, "constant"))
    kernel.attributes["services"] = tuple(dict.fromkeys(service for op in kernel.walk() for service in _services(op)))


def groups(kernel: Op) -> dict[Value, Value]:
    """Each pointer -> one that stands for all that lead to the same memory: derived from it, or carried together."""
    parents: dict[Value, Value] = {}

    def find(value: Value) -> Value:
        while parents.setdefault(value, value) is not value:
            value = parents[value]
        return value

    def join(pointers: Iterable[Value]) -> None:
        first, *others = map(find, pointers)
        parents.update(dict.fromkeys(others, first))

    for argument in _pointers(kernel.body.arguments):
        join([argument])
    for op in kernel.walk():
        together = [] if op.regions or is_terminator(op) else [_pointers((*op.operands, *op.results))]
        for carried in carried_through(op):
            given = (user.operands[index] for user, index in carried.uses)
            together.append(_pointers((*carried.targets, *given)))
        for pointers in filter(None, together):
            join(pointers)
    return {pointer: find(pointer) for pointer in parents}


def _pointers(values: Iterable[Value]) -> list[Value]:
    return [value for value in values if isinstance(element_of(value.type), PointerType)]


def _written(op: Op) -> list[Value]:
    """The pointers through which an op writes, or after which anything may."""
    row = row_of(op)
    writes = row.memory is not None and row.memory.writes
    return _pointers((*op.operands, *op.results)) if writes or row.exposes else []


def _services(op: Op) -> Iterable[str]:
    """See kernel.Service."""
    memory = row_of(op).memory
    if memory is not None and memory.space == LOG:
        yield "log"
    if op.attributes.get("locked"):
        yield "locks"
