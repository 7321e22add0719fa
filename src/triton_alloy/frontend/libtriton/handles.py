"""What libtriton's Python side holds of a module: values, blocks, regions, ops, locations. Each is a thin handle on the
IR's own object, `core`. Names are libtriton's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...dialects import is_terminator
from ...ir.core import Block, Op, Region, Value, constant_of
from ...ir.pretty_printer import print_pretty, print_with_places
from ...ir.printer import print_location
from ...ir.types import (
    I1,
    I32,
    Attribute,
    IntegerAttribute,
    Location,
    PointerType,
    SymbolAttribute,
    TensorType,
    Type,
    element_of,
)
from .diagnostics import report_problems

_RETURN_LIKE = {"tt.return", "tt.reduce.return", "tt.scan.return", "tt.map_elementwise.return", "scf.yield"}


class context:
    """An MLIR context. Ours has no state: types are interned for the whole process."""

    def printOpOnDiagnostic(self, enabled: bool) -> None:
        """Diagnostics are one line each, whatever is asked."""

    def printStackTraceOnDiagnostic(self, enabled: bool) -> None:
        """See printOpOnDiagnostic."""


CONTEXT = context()


class attribute:
    """The type of attributes in libtriton; here an attribute is a plain value (see ir/types.py)."""


class location:
    __slots__ = ("core",)

    def __init__(self, core: Location):
        self.core = core

    def get_name(self) -> str | None:
        return self.core.name or None

    def set_name(self, name: str) -> None:
        """Change this handle, not what it was taken from."""
        self.core = self.core.named(name)

    def __str__(self) -> str:
        return f"loc({print_location(self.core)})"


class value:
    """An SSA value; `value()` is none."""

    __slots__ = ("core",)

    def __init__(self, core: Value | None = None):
        self.core: Any = core

    def get_type(self) -> Type:
        return self.core.type

    def get_shape(self) -> list[int] | None:
        return list(self.core.type.shape) if isinstance(self.core.type, TensorType) else None

    def get_context(self) -> context:
        return CONTEXT

    def get_loc(self) -> location:
        return location(self.core.location)

    def set_loc(self, place: location) -> None:
        """Results of an op share the op's location."""
        owner = self.core.owner
        if isinstance(owner, Block):
            self.core.location = place.core
            return
        owner.location = place.core
        for result in owner.results:
            result.location = place.core

    def set_attr(self, name: str, attribute: Attribute) -> None:
        """Of the op that defines the value. For an argument of an entry block, of the op around it, with the
        argument's number in the name; arguments of functions take none."""
        owner = self.core.owner
        if isinstance(owner, Op):
            owner.attributes[name] = attribute
            return
        region = owner.region
        if region.blocks[0] is owner and region.owner.name != "tt.func":
            region.owner.attributes[f"{name}_arg{self.core.index}"] = attribute

    def replace_all_uses_with(self, other: value) -> None:
        self.core.replace_by(other.core)

    def id(self) -> int:
        return id(self.core)


class op_result(value):
    __slots__ = ()


class block_argument(value):
    __slots__ = ()


def handle_of(core: Value) -> value:
    return op_result(core) if isinstance(core.owner, Op) else block_argument(core)


class _Identified:
    """Two handles of one object are equal."""

    __slots__ = ("core",)

    def __init__(self, core: Any):
        self.core = core

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identified) and other.core is self.core

    def __hash__(self) -> int:
        return id(self.core)

    def id(self) -> int:
        return id(self.core)


class block(_Identified):
    __slots__ = ()
    core: Block

    def arg(self, index: int) -> block_argument:
        return block_argument(self.core.arguments[index])

    get_argument = arg

    def get_num_arguments(self) -> int:
        return len(self.core.arguments)

    def add_argument(self, type_: Type) -> None:
        self.core.add_argument(type_)

    def add_argument_at(self, type_: Type, place: location) -> None:
        self.core.add_argument(type_, place.core)

    def get_parent(self) -> region | None:
        return region(self.core.region) if self.core.region is not None else None

    def has_terminator(self) -> bool:
        return self.core.last is not None and is_terminator(self.core.last)

    def has_return(self) -> bool:
        return self.core.last is not None and self.core.last.name in _RETURN_LIKE

    def erase(self) -> None:
        self.core.erase()

    def merge_block_before(self, target: block) -> None:
        """Move all ops to the start of `target`, and erase this block."""
        if self.core.arguments:
            raise RuntimeError("This block has arguments, don't merge")
        target.core.take_ops(self.core)
        self.core.erase()

    def move_before(self, target: block) -> None:
        self.core.detach()
        self.insert_before(target)

    def insert_before(self, target: block) -> None:
        around = target.core.region
        assert around is not None, "a block is put before one that is in no region"
        around.insert(self.core, target.core)

    def replace_use_in_block_with(self, old: value, new: value) -> None:
        for user in list(old.core.uses):
            if self._holds(user):
                for index, operand in enumerate(user.operands):
                    if operand is old.core:
                        user.set_operand(index, new.core)

    def _holds(self, op: Op) -> bool:
        around: Op | None = op
        while around is not None and around.block is not self.core:
            around = around.parent
        return around is not None

    def dump(self) -> None:
        print(self)

    def __str__(self) -> str:
        return "".join(print_pretty(op) for op in self.core)


class region(_Identified):
    __slots__ = ()
    core: Region

    def size(self) -> int:
        return len(self.core.blocks)

    def empty(self) -> bool:
        return not self.core.blocks

    def push_back(self, new: block) -> None:
        self.core.append(new.core)

    def push_front(self, new: block) -> None:
        if self.core.blocks:
            self.core.insert(new.core, self.core.blocks[0])
        else:
            self.core.append(new.core)

    def get_parent_region(self) -> region | None:
        around = self.core.owner
        if around is None or around.block is None or around.block.region is None:
            return None
        return region(around.block.region)


class operation(_Identified):
    __slots__ = ()
    core: Op

    def get_name(self) -> str:
        return self.core.name

    def get_num_operands(self) -> int:
        return len(self.core.operands)

    def get_operand(self, index: int) -> value:
        return handle_of(self.core.operands[index])

    def get_num_results(self) -> int:
        return len(self.core.results)

    def get_result(self, index: int) -> op_result:
        return op_result(self.core.results[index])

    def get_num_regions(self) -> int:
        return len(self.core.regions)

    def get_region(self, index: int) -> region:
        return region(self.core.regions[index])

    def get_block(self) -> block | None:
        return block(self.core.block) if self.core.block is not None else None

    def get_str_attr(self, name: str) -> str | None:
        found = self.core.attributes.get(name)
        return found if isinstance(found, str) else None

    def get_bool_attr(self, name: str) -> bool | None:
        found = self.core.attributes.get(name)
        return found if isinstance(found, bool) else None

    def get_int_attr(self, name: str) -> int | None:
        return _integer(self.core.attributes.get(name))

    def get_flat_symbol_ref_attr(self, name: str) -> str | None:
        found = self.core.attributes.get(name)
        return found.name if isinstance(found, SymbolAttribute) else None

    def get_constant_value(self) -> int | None:
        """The integer of an arith.constant, also where it is all elements of a tensor; true is -1, one bit with a
        sign."""
        result = self.core.results[0] if self.core.results else None
        found = constant_of(result) if result is not None else None
        if not isinstance(found, int) or result is None:
            return None
        return -found if element_of(result.type) is I1 else found


def _integer(found: Attribute) -> int | None:
    if isinstance(found, bool):
        return int(found)
    return found.value if isinstance(found, IntegerAttribute) else None


class OpState(_Identified):
    """An op as libtriton's builder returns it. Subclasses exist for what some ops can be asked."""

    core: Op

    def set_attr(self, name: str, attribute: Attribute) -> None:
        self.core.attributes[name] = attribute

    def append_operand(self, new: value) -> None:
        self.core.set_operands([*self.core.operands, new.core])

    def get_num_results(self) -> int:
        return len(self.core.results)

    def get_result(self, index: int) -> value:
        return value(self.core.results[index])

    def get_region(self, index: int) -> region:
        return region(self.core.regions[index])

    def get_body(self, index: int) -> block:
        return block(self.core.regions[index].blocks[0])

    def get_operation(self) -> operation:
        return operation(self.core)

    def verify(self) -> bool:
        """Whether the op and all in it are valid; problems are printed to stderr as MLIR does."""
        return report_problems(self.core)

    def dump(self) -> None:
        print(self)

    def str_nodebug(self) -> str:
        """The text without locations and without the names they carry."""
        return print_pretty(self.core)

    def __str__(self) -> str:
        return print_pretty(self.core, locations=True)


class YieldOp(OpState):
    pass


class ConditionOp(OpState):
    pass


class ForOp(OpState):
    def get_induction_var(self) -> value:
        return block_argument(self.core.body.arguments[0])


class IfOp(OpState):
    def get_then_block(self) -> block:
        return block(self.core.regions[0].blocks[0])

    def get_else_block(self) -> block | None:
        blocks = self.core.regions[1].blocks
        return block(blocks[0]) if blocks else None

    def get_then_yield(self) -> YieldOp:
        return YieldOp(self.core.regions[0].blocks[0].terminator)

    def get_else_yield(self) -> YieldOp:
        return YieldOp(self.core.regions[1].blocks[0].terminator)


class WhileOp(OpState):
    def get_before(self) -> region:
        return region(self.core.regions[0])

    def get_after(self) -> region:
        return region(self.core.regions[1])


class function(OpState):
    @property
    def type(self) -> Type:
        return self.core.attributes["function_type"]

    def args(self, index: int) -> block_argument:
        return block_argument(self.core.regions[0].blocks[0].arguments[index])

    def get_num_args(self) -> int:
        return len(self.type.inputs)

    def add_entry_block(self) -> block:
        entry = self.core.regions[0].append(Block())
        for type_ in self.type.inputs:
            entry.add_argument(type_, self.core.location)
        return block(entry)

    def set_arg_attr(self, index: int, name: str, number: int) -> None:
        """Give argument `index` the attribute `name = number : i32`."""
        found = self.core.attributes.get("arg_attrs") or tuple({} for _ in self.type.inputs)
        entries = [dict(entry) for entry in found]
        entries[index][name] = IntegerAttribute(number, I32)
        self.core.attributes["arg_attrs"] = tuple(entries)

    def reset_type(self, type_: Type) -> None:
        self.core.attributes["function_type"] = type_


Text = str
"""str, where a method of that name hides it."""


class module(OpState):
    """libtriton's front end hangs its context and the like on a module as attributes of this handle."""

    def str(self) -> Text:
        """The text with locations."""
        return print_pretty(self.core, locations=True)

    def push_back(self, new: function) -> None:
        self.core.body.append(new.core)

    def functions(self) -> list[Op]:
        return [op for op in self.core.body if op.name == "tt.func"]

    def find(self, name: Text) -> Op | None:
        return next((op for op in self.functions() if op.attributes["sym_name"] == name), None)

    def has_function(self, name: Text) -> bool:
        return self.find(name) is not None

    def get_function(self, name: Text) -> function:
        found = self.find(name)
        if found is None:
            raise KeyError(f"the module has no function {name}")
        return function(found)

    def get_entry_func_name(self) -> Text:
        """The public function's name, or ""."""
        kernels = (op for op in self.functions() if op.attributes.get("sym_visibility", "public") == "public")
        return next((op.attributes["sym_name"] for op in kernels), "")

    def get_function_signature(self, kernel: function) -> list[Text]:
        """The arguments' types as Triton's launchers spell them: `*f32` for a pointer."""
        types = kernel.type.inputs
        return [f"*{type_.pointee}" if isinstance(type_, PointerType) else f"{type_}" for type_ in types]

    def get_int_attr(self, name: Text) -> int | None:
        return _integer(self.core.attributes.get(name))

    def get_tensordesc_metadata(self) -> list[dict]:
        """Of hardware descriptors, which no target of ours has."""
        return []

    def walk(self, visit: Callable[[operation], None]) -> None:
        """Every op, those in a region before the op that holds it, as MLIR walks."""
        _walk(self.core, visit)

    def create_location_snapshot(self, path: Text) -> None:
        """Make every op's location its line in the file `path`, which gets the module's text."""
        text, places = print_with_places(self.core)
        Path(path).write_text(text, "utf-8")
        for op, (line, column) in places.items():
            op.location = Location(path, line, column)
            for result in op.results:
                result.location = op.location


def _walk(op: Op, visit: Callable[[operation], None]) -> None:
    for inner in (inner for around in op.regions for each in around.blocks for inner in each):
        _walk(inner, visit)
    visit(operation(op))


class InsertPoint:
    """Before an op of a block, or at the block's end."""

    __slots__ = ("block", "before")

    def __init__(self, block: Block | None, before: Op | None):
        self.block = block
        self.before = before
