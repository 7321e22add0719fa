"""One value becomes several, wherever it goes: arguments, loops, branches, calls, returns.

For values of types that a pass replaces by the numbers behind them, such as a tensor descriptor by its pointer, sizes
and strides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ...dialects.control import branch_operands
from ...ir.core import Block, Builder, Op, Value
from ...ir.types import FunctionType, Location, Type

# The parts of a type, as (suffix of the name, type); None for a type that stays.
PartTypes = Callable[[Type], "Sequence[tuple[str, Type]] | None"]


@dataclass
class Expansion:
    """`parts` holds the values that stand for each value of a replaced type. `rules` rewrite the ops that make or use
    such values; all others pass them on."""

    part_types: PartTypes
    rules: Mapping[str, Callable[[Op, Expansion], None]]
    parts: dict[Value, list[Value]] = field(default_factory=dict)
    replaced: list[Op] = field(default_factory=list)

    def run(self, module: Op) -> None:
        """Rewrite the whole module, in place."""
        for function in list(module.body):
            if self.is_needed(function):
                self.expand_function(function)
        for op in reversed(self.replaced):
            op.erase()

    def is_needed(self, op: Op) -> bool:
        """Whether anything in the op's regions has a type that is replaced."""
        for block in op.blocks():
            for argument in block.arguments:
                if self.part_types(argument.type) is not None:
                    return True
            for inner in block:
                if (inner.name in self.rules or inner.name == "tt.call") and self.concerns(inner):
                    return True
                if inner.regions and self.is_needed(inner):
                    return True
        return False

    def concerns(self, op: Op) -> bool:
        """Whether an op takes or gives a value of a type that is replaced."""
        return any(self.part_types(value.type) is not None for value in (*op.operands, *op.results))

    def expand_function(self, function: Op) -> None:
        type_ = function.attributes.get("function_type")
        if isinstance(type_, FunctionType):
            outputs = self.flat_types(type_.outputs)
            function.attributes["function_type"] = FunctionType(self.flat_types(type_.inputs), outputs)
            self.expand_hints(function, type_.inputs)
        self.expand_regions(function)

    def expand_hints(self, function: Op, inputs: Sequence[Type]) -> None:
        """The first part of an argument has its attributes."""
        hints = function.attributes.get("arg_attrs")
        if hints:
            counts = [len(self.part_types(type_) or (0,)) for type_ in inputs]
            spread = [(each, *({} for _ in range(count - 1))) for each, count in zip(hints, counts, strict=True)]
            function.attributes["arg_attrs"] = tuple(item for items in spread for item in items)

    def expand_regions(self, op: Op) -> None:
        for region in op.regions:
            for block in region.blocks:
                self.expand_arguments(block)
            for block in region.blocks:
                for inner in block:
                    self.expand_op(inner)

    def expand_arguments(self, block: Block) -> None:
        if not any(self.part_types(argument.type) for argument in block.arguments):
            return
        old, block.arguments = block.arguments, []
        for argument in old:
            types = self.part_types(argument.type)
            if types is None:
                argument.index = len(block.arguments)
                block.arguments.append(argument)
            else:
                self.parts[argument] = [
                    block.add_argument(type_, _named(argument.location, suffix)) for suffix, type_ in types
                ]

    def expand_op(self, op: Op) -> None:
        rule = self.rules.get(op.name)
        if self.concerns(op):
            if rule is not None:
                rule(op, self)
                self.replaced.append(op)
                return
            op = self.pass_on(op)
        self.expand_regions(op)

    def pass_on(self, op: Op) -> Op:
        """The same op on the parts."""
        if op.name == "arith.select":
            return self.select(op)
        attributes = dict(op.attributes)
        if op.name == "cf.cond_br":
            attributes["operandSegmentSizes"] = (1, *(len(self.flat(values)) for values in branch_operands(op)))
        types = self.flat_types([result.type for result in op.results])
        new = Op(op.name, self.flat(op.operands), types, attributes, op.regions, op.location, op.successors)
        op.regions = []
        assert op.block is not None
        op.block.insert(new, op)
        self.give(op, new.results)
        return new

    def select(self, op: Op) -> Op:
        builder = Builder.before_op(op)
        condition, yes, no = op.operands
        pairs = zip(self.parts[yes], self.parts[no], strict=True)
        self.give(op, [builder.value("arith.select", [condition, a, b], a.type) for a, b in pairs])
        return op

    def give(self, op: Op, values: Sequence[Value]) -> None:
        """`values` are the parts of all results of an op, which is to go."""
        rest = list(values)
        for result in op.results:
            types = self.part_types(result.type)
            count = 1 if types is None else len(types)
            given, rest = rest[:count], rest[count:]
            if types is None:
                given[0].location = result.location
                result.replace_by(given[0])
            else:
                self.parts[result] = given
        self.replaced.append(op)

    def flat(self, values: Sequence[Value]) -> list[Value]:
        return [part for value in values for part in self.parts.get(value, [value])]

    def flat_types(self, types: Sequence[Type]) -> list[Type]:
        return [part for type_ in types for _, part in self.part_types(type_) or (("", type_),)]


def _named(place: Location, suffix: str) -> Location:
    return place.named(f"{place.name}.{suffix}") if suffix and place.name else place
