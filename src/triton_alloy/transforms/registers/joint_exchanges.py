"""Numbers that simdgroups tell each other at once: reductions that do not need each other wait at one barrier.

    store(a, ...) load(a) ... b' = reduce(...) store(b, b') load(b)
 -> b' = reduce(...) store(a, ...) store(b, b') load(a) ... load(b)

A store to threadgroup memory goes before the first read since memory was last waited for, and what its value is made of
before the first store, if nothing of it needs what is read there. It stores one number: more would keep more memory in
use at once.
"""

from __future__ import annotations

from ...dialects.msl import count_of, is_movable
from ...ir.core import Block, Op, Value
from .register_ops import access_of, is_fence


def run(kernel: Op) -> None:
    """Move stores of numbers and what they need, in place; before the buffers have their offsets."""
    for block in kernel.blocks():
        _join(block)
        for op in list(block):
            if op.regions and is_fence(op):
                run(op)


def _join(block: Block) -> None:
    since: dict[Op, int] = {}  # the first store that nobody has waited for, and the ops behind it, numbered in order
    read: Op | None = None  # the first op that reads what has been told
    for number, op in enumerate(list(block)):
        access = access_of(op)
        stores = op.name == "msl.shared_store" and _is_number(op.operands[2])
        reads = op.name == "msl.shared_load" and _is_number(op.result)
        if stores and read is not None and _put_forward(op, since, read, block):
            continue
        if (access is not None and not reads) or is_fence(op):
            since, read = {}, None
        if stores or since:
            since[op] = number
            read = read or (op if reads else None)


def _put_forward(op: Op, since: dict[Op, int], read: Op, block: Block) -> bool:
    """Put a store before the first read, if nothing of it has to stay behind that."""
    needed = _needed(op, since)
    touched = any(each in since and each not in needed for each in op.operands[0].uses if each is not op)
    if touched or not all(map(is_movable, needed)):
        return False
    first = next(iter(since))
    for each, place in [*((each, first) for each in needed), (op, read)]:
        each.detach()
        block.insert(each, place)
        since.pop(each, None)
    return True


def _is_number(value: Value) -> bool:
    return count_of(value) == 1


def _needed(op: Op, since: dict[Op, int]) -> list[Op]:
    """The ops of `since` that the op's operands are computed of, in order."""
    needed: set[Op] = set()
    pending = [op]
    while pending:
        operands = (operand for inner in pending.pop().walk() for operand in inner.operands)
        new = {operand.definer for operand in operands if operand.definer in since} - needed
        needed |= new
        pending += new
    return sorted(needed, key=since.__getitem__)
