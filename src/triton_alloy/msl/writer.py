"""Text of a block: which values are written inside the expressions that use them, and which get a name.

A value that is used once, in its own block, is inlined; so are names and small constants however often they are used.
What was read from a variable or from memory is named at the latest when that is about to change (`flush`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..dialects.msl import row_of
from ..ir.core import Op, Value
from ..ir.types import I1, UNKNOWN, Location, element_of
from ..kernel import Message
from .expressions import ANY, Expression, name
from .names import Names, ascii_text
from .types import is_varying, type_name

INLINE_LENGTH = 64  # characters of the longest text that is put into another expression
LANES = "lanes"  # among what an expression reads: values of other lanes, all of which must evaluate it
WRITE_LENGTH = 96  # and of the longest that is written to a variable
# For values without a name of the user's, and for parts of what the user gave one name.
DEFAULT_NAMES = {
    "arith.addf": "sum",
    "arith.addi": "offset",
    "arith.mulf": "product",
    "arith.muli": "offset",
    "arith.subf": "difference",
    "arith.subi": "difference",
    "msl.lane_pointer": "pointer",
    "msl.load": "loaded",
    "msl.pointer_add": "pointer",
    "msl.shared_alloc": "scratch",
    "msl.shared_load": "loaded",
    "msl.shuffle_xor": "other",
    "msl.simd_reduce": "reduced",
    "arith.remsi": "rest",
    "arith.remui": "rest",
    "arith.divsi": "quotient",
    "arith.divui": "quotient",
    "arith.andi": "bits",
    "arith.shrui": "bits",
    "math.exp": "exponential",
    "math.exp2": "exponential",
}


class Writer:
    """The lines of a kernel's body so far, and what each value is called.

    origins: for each line, the places in the user's source of its statement and of the loads within it.
    """

    def __init__(self, names: Names, sources: Mapping[tuple[str, int], str], messages: Mapping[Op, Message]):
        self.names = names
        self.sources = sources
        self.messages = messages
        self.numbers = {message: number for number, message in enumerate(dict.fromkeys(messages.values()))}
        self.lines: list[str] = []
        self.origins: list[tuple[Location, frozenset[Location]]] = []
        self.statement = UNKNOWN
        self.loads: set[Location] = set()
        self.depth = 1
        self.named: dict[Value, Expression] = {}
        self.pending: dict[Value, Expression] = {}
        self.readers: dict[object, list[tuple[int, Value]]] = {}  # what is read -> the pending values, numbered
        self.kept = 0
        self.remaining: dict[Value, int] = {}
        self.last_place: tuple[str, int] | None = None
        self.places: list[set[tuple[str, int]]] = [set()]  # lines commented on, by scope
        self.tables: list[str] = []

    # ---------------------------------------------------------------------------------------------------------- lines
    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)
        self.origins.append((self.statement, frozenset(self.loads)))

    def begin(self, statement: Location, loads: Iterable = ()) -> None:
        """The lines that follow are of the statement at this place, and of what is taken from now on."""
        self.statement = statement
        self.loads = set(loads)

    def open(self, text: str) -> None:
        self.line(text + " {")
        self.depth += 1
        self.names.open()
        self.places.append(set())

    def close(self, text: str = "}") -> None:
        self.depth -= 1
        self.names.close()
        self.places.pop()
        self.line(text)

    def reopen(self, text: str) -> None:
        """Close a block and open the next on the same line: "} else {"."""
        self.close(text + " {")
        self.depth += 1
        self.names.open()
        self.places.append(set())

    def comment(self, location: Location, is_part: bool = False) -> None:
        """The user's source line, where it is another than that of the text before.

        is_part: what follows is a part of a larger expression; its line is not shown twice in one scope.
        """
        place = location.outermost()
        key = (place.file, place.line)
        if not place.file or not place.line or key == self.last_place or (is_part and key in self.places[-1]):
            return
        self.last_place = key
        self.places[-1].add(key)
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
        self.loads |= places_of(expression)
        left = self.remaining[value] = self.remaining[value] - 1
        if left == 0:
            del self.pending[value]
        return expression

    def take_short(self, value: Value) -> Expression:
        """The expression for a use that writes it several times."""
        if value in self.pending and not self.pending[value].short:
            self.declare(value)
        return self.take(value)

    def take_ahead(self, value: Value) -> Expression:
        """The expression for a use that not every lane may reach: what crosses lanes is evaluated before."""
        if value in self.pending and LANES in self.pending[value].reads:
            self.declare(value)
        return self.take(value)

    def keep(self, op: Op, value: Value, expression: Expression) -> None:
        """Hold the expression of `value` back until it is used, or give it a name now."""
        self.remaining[value] = sum(value.uses.values())
        if self.remaining[value] == 0:
            return
        self.pending[value] = expression
        self.kept += 1
        for read in expression.reads:
            self.readers.setdefault(read, []).append((self.kept, value))
        if not expression.short and not self._is_inlined(op, value, expression):
            self.comment(op.location, is_part=not own_name(value))
            self.declare(value)

    def _is_inlined(self, op: Op, value: Value, expression: Expression) -> bool:
        if self.remaining[value] > 1:
            return False
        [user] = value.uses
        gives = user.name == "msl.variable" or row_of(user).changes
        is_whole = bool(gives) and user.operands[0] is value
        if len(expression.text) > (WRITE_LENGTH if is_whole else INLINE_LENGTH):
            return False
        return user.block is op.block and (is_whole or not value.name or value.name == target_name(user))

    def declare(self, value: Value) -> None:
        """const f32 x = ...;"""
        expression = self.pending.pop(value)
        wish = own_name(value) or default_name(value)
        spelled = type_name(value.type)
        space = "" if spelled.endswith("*") else " "
        const = "" if spelled.endswith("*") else "const "
        text = self.name_value(value, wish)
        around = self.statement, self.loads
        self.begin(value.definer.location if value.definer else UNKNOWN, places_of(expression))
        self.line(f"{const}{spelled}{space}{text} = {expression.at(ANY)};")
        self.begin(*around)

    def flush(self, changed: Iterable) -> None:
        """Name the pending values that read what is about to change, in the order of the ops."""
        found = {reader for each in changed for reader in self.readers.pop(each, ())}
        for _, value in sorted(found, key=lambda reader: reader[0]):
            if value in self.pending:
                self.declare(value)


def places_of(expression: Expression) -> set[Location]:
    """Where in the user's source the expression loads from memory."""
    return {each for each in expression.reads if isinstance(each, Location)}


def target_name(user: Op) -> str:
    """The user's name for what an op computes or writes."""
    if user.name == "msl.write":
        return user.operands[1].name
    return user.results[0].name if user.results else ""


def own_name(value: Value) -> str:
    """The user's name of `value`; "" for a part of the expression that the user gave that name."""
    return "" if any(target_name(user) == value.name for user in value.uses) else value.name


def default_name(value: Value) -> str:
    op = value.definer
    if op is None:
        return "value"
    if element_of(value.type) is I1:
        return "mask" if is_varying(value.type) else "condition"
    return DEFAULT_NAMES.get(op.name, "value")
