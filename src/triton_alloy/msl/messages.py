"""What a kernel may say in its log: a message for each print and assertion, before anything is printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..ir.core import Op
from ..kernel import Message

Sources = Mapping[tuple[str, int], str]


def messages_of(kernel: Op, sources: Sources) -> dict[Op, Message]:
    """The message of each op that logs, in program order; equal ones are one to the host. sources: the user's lines by
    (file, line)."""
    return {op: MESSAGES[op.name](op, sources) for op in kernel.walk() if op.name in MESSAGES}


def _print(op: Op, sources: Sources) -> Message:
    fields = ("text", "element", "signed", "hexadecimal", "shape", "operand", "operands")
    return Message("print", **{field: op.attributes[field] for field in fields})


def _report(op: Op, sources: Sources) -> Message:
    place, caller = op.location, op.location.outermost()
    location = f"{place} (from {caller})" if place is not caller else str(place)
    source = sources.get((place.file, place.line), "")
    return Message("assert", op.attributes["text"], location, shape=op.attributes["shape"], source=source)


MESSAGES: dict[str, Callable[[Op, Sources], Message]] = {"msl.print": _print, "msl.report": _report}
