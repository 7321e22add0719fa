"""Text of a block: which values are written inside the expressions that use them, and which get a name.

A value that is used once, in its own block, is inlined; so are names and small constants however often they are used.
What was read from a variable or from memory is named at the latest when that is about to change (`flush`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..ir.core import Op, Value
from ..ir.types import Location
from .expressions import ANY, Expression, name
from .names import Names, ascii_text
from .types import type_name

INLINE_LENGTH = 64  # characters of the longest text that is put into another expression
DEFAULT_NAMES = {
    "arith.cmpi": "mask",
    "arith.cmpf": "mask",
    "msl.load": "loaded",
    "msl.pointer_add": "pointer",
    "msl.shuffle_xor": "other",
    "msl.simd_reduce": "reduced",
    "msl.shared_alloc": "scratch",
    "msl.variable": "values",
}


class Writer:
    """The lines of a kernel's body so far, and what each value is called."""

    def __init__(self, names: Names, sources: dict[tuple[str, int], str], constant_pointers: set[Value]):
        self.names = names
        self.sources = sources
        self.constant_pointers = constant_pointers
        self.lines: list[str] = []
        self.depth = 1
        self.named: dict[Value, Expression] = {}
        self.pending: dict[Value, Expression] = {}
        self.remaining: dict[Value, int] = {}
        self.last_place: tuple[str, int] | None = None
        self.tables: list[str] = []

    # ---------------------------------------------------------------------------------------------------------- lines
    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def open(self, text: str) -> None:
        self.line(text + " {")
        self.depth += 1
        self.names.open()

    def close(self, text: str = "}") -> None:
        self.depth -= 1
        self.names.close()
        self.line(text)

    def comment(self, location: Location) -> None:
        """The user's source line, where it is another than that of the text before."""
        place = location.outermost()
        key = (place.file, place.line)
        if not place.file or not place.line or key == self.last_place:
            return
        self.last_place = key
        text = ascii_text(self.sources.get(key, ""))
        base = ascii_text(place.file.replace("\\", "/").rsplit("/", 1)[-1])
        self.line(f"// {base}:{place.line}  {text}".rstrip())

    def table(self, numbers: Sequence[int]) -> str:
        """The name of a constant array of register numbers, for those that no arithmetic gives."""
        text = f"const short {{}}[{len(numbers)}] = {{{{{', '.join(map(str, numbers))}}}}};"
        for line in self.tables:
            known = line.split()[2].split("[")[0]
            if line.strip() == text.format(known):
                return known
        known = self.names.new("registers")
        self.names.scopes[0].add(known)
        self.tables.append("    " + text.format(known))
        return known

    # --------------------------------------------------------------------------------------------------------- values
    def name_value(self, value: Value, wish: str) -> str:
        text = self.names.new(wish)
        self.named[value] = name(text)
        return text

    def take(self, value: Value) -> Expression:
        """The expression for one use of `value`."""
        if value in self.named:
            return self.named[value]
        expression = self.pending[value]
        left = self.remaining[value] = self.remaining[value] - 1
        if left == 0:
            del self.pending[value]
        return expression

    def take_short(self, value: Value) -> Expression:
        """The expression for a use that writes it several times."""
        if value in self.pending and not self.pending[value].short:
            self.declare(value)
        return self.take(value)

    def keep(self, op: Op, value: Value, expression: Expression) -> None:
        """Hold the expression of `value` back until it is used, or give it a name now."""
        self.remaining[value] = sum(value.uses.values())
        if self.remaining[value] == 0:
            return
        self.pending[value] = expression
        if not expression.short and not self._is_inlined(op, value, expression):
            self.comment(op.location)
            self.declare(value)

    def _is_inlined(self, op: Op, value: Value, expression: Expression) -> bool:
        if self.remaining[value] > 1 or len(expression.text) > INLINE_LENGTH:
            return False
        [user] = value.uses
        return user.block is op.block and (not value.name or value.name == _target_name(user))

    def declare(self, value: Value) -> None:
        """const f32 x = ...;"""
        expression = self.pending.pop(value)
        op = value.definer
        wish = value.name or DEFAULT_NAMES.get(op.name if op is not None else "", "value")
        spelled = type_name(value.type, value in self.constant_pointers)
        space = "" if spelled.endswith("*") else " "
        const = "" if spelled.endswith("*") else "const "
        text = self.name_value(value, wish)
        self.line(f"{const}{spelled}{space}{text} = {expression.at(ANY)};")

    def flush(self, changed: Iterable) -> None:
        """Name the pending values that read what is about to change."""
        changed = set(changed)
        for value, expression in list(self.pending.items()):
            if expression.reads & changed:
                self.declare(value)


def _target_name(user: Op) -> str:
    """The user's name for what an op computes or writes."""
    if user.name == "msl.write":
        return user.operands[1].name
    if user.results:
        return user.results[0].name
    return user.location.name if user.name == "msl.variable" else ""
