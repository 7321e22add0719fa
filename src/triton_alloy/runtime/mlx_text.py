"""A complete kernel as what `mx.fast.metal_kernel` wants: a header, and a body whose signature MLX writes.

MLX writes a kernel's signature: a parameter for each array, and one for every built-in whose name occurs in the body.
The body made here begins by declaring the kernel's own parameters from those. Our texts have no variables with the
names of built-ins, nor with the prefix of `buffer_name`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import InvalidArgument
from ..msl_cpu.text.tokens import Tokens


@dataclass(frozen=True)
class Parameter:
    """A parameter of a kernel function. declaration: `const device float *x`; attribute: `buffer(0)`, or a built-in."""

    declaration: str
    name: str
    attribute: str

    @property
    def buffer(self) -> int | None:
        """The buffer index; None for a built-in."""
        found = re.fullmatch(r"buffer\((\d+)\)", self.attribute)
        return int(found.group(1)) if found else None


@dataclass(frozen=True)
class KernelText:
    """The parts of a text with one kernel. header: all before the kernel; statements: between its braces."""

    header: str
    parameters: tuple[Parameter, ...]
    statements: str

    def body(self) -> str:
        """The body for metal_kernel, where every buffer is an array in device memory, called by `buffer_name`."""
        lines = [f"    {_definition(parameter)}" for parameter in self.parameters]
        return "\n".join([*lines, self.statements.strip("\n")])


def buffer_name(index: int) -> str:
    """The name of a buffer among the inputs and outputs of metal_kernel."""
    return f"alloy_buffer_{index}"


def _definition(parameter: Parameter) -> str:
    """A parameter of the kernel as a variable made of what MLX passes.

    A constant reference becomes one to device memory: the same bytes, which MLX gives as an array. A pointer is cast
    because MLX has names of its own for element types, and because it declares every input const.
    """
    index = parameter.buffer
    if index is None:
        return f"{parameter.declaration} = {parameter.attribute};"
    type_ = parameter.declaration[: parameter.declaration.rindex(parameter.name)].strip()
    if type_.endswith("&"):
        element = type_.removesuffix("&").removeprefix("constant").strip()
        return f"const device {element} &{parameter.name} = *(const device {element} *){buffer_name(index)};"
    return f"{parameter.declaration} = ({type_}){buffer_name(index)};"


def split_kernel(source: str, name: str) -> KernelText:
    """Find the kernel `name` in MSL text. Raises InvalidArgument where there is none, as in an overridden text."""
    tokens = Tokens(source)
    opening = _opening_parenthesis(tokens, name)
    closing = tokens.match(opening)
    brace = tokens.next(closing)
    if tokens.at(brace) != "{":
        raise InvalidArgument(f"kernel {name} has no body")
    end = tokens.match(brace)
    start = _start_of_declaration(tokens, opening)
    parameters = tuple(_parameter(tokens, *each) for each in tokens.split(opening + 1, closing))
    header = "".join(token.text for token in tokens[:start])
    return KernelText(header, parameters, "".join(token.text for token in tokens[brace + 1 : end]))


def _opening_parenthesis(tokens: Tokens, name: str) -> int:
    for index, token in enumerate(tokens):
        if token == name and tokens.at(tokens.previous(index)) == "void" and tokens.at(tokens.next(index)) == "(":
            return tokens.next(index)
    raise InvalidArgument(f"the text has no kernel {name}")


def _start_of_declaration(tokens: Tokens, opening: int) -> int:
    """The index of the first token of code after the end of whatever comes before the kernel's declaration."""
    index = opening - 1
    while index >= 0 and tokens[index].text not in (";", "}") and tokens[index].kind != "directive":
        index -= 1
    return tokens.next(index)


def _parameter(tokens: Tokens, start: int, end: int) -> Parameter:
    text = " ".join(tokens.code(start, end).split())
    found = re.fullmatch(r"(.*?(\w+)) \[\[(\w+(?:\(\d+\))?)\]\]", text)
    if found is None:
        raise InvalidArgument(f"kernel parameter {text!r}: expected a declaration with one attribute")
    return Parameter(*found.groups())
