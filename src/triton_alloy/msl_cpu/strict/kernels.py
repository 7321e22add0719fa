"""Strict mode's checks of attributes, kernel signatures and threadgroup variables.

What needs types is left to clang: the checks add assertions, whose message starts with the place they speak of.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field

from ..errors import Diagnostic
from ..limits import MAX_BUFFERS, MAX_THREADS
from ..text.language import BUILT_INS
from ..text.threadgroup_memory import is_zero_initialiser
from ..text.tokens import Tokens
from .tokens import ADDRESS_SPACES, Located, calls, declared_types, function_bodies, opening_of

_RESOURCES = frozenset({"buffer", "threadgroup"})
_OUT_OF_SCOPE = frozenset({"texture", "sampler", "stage_in", "imageblock_data", "payload", "object_data"})
_PARAMETER_ATTRIBUTES = BUILT_INS.keys() | _RESOURCES | {"function_constant"}
_FUNCTION_ATTRIBUTES = frozenset({"kernel", "host_name", "max_total_threads_per_threadgroup"})
_STANDARD_ATTRIBUTES = frozenset({"maybe_unused", "nodiscard", "fallthrough", "deprecated", "noreturn", "likely"})
# Attributes of parameters mean nothing outside of kernels, and are allowed there.
_KNOWN_ATTRIBUTES = _PARAMETER_ATTRIBUTES | _FUNCTION_ATTRIBUTES | _STANDARD_ATTRIBUTES | {"id", "visible", "unroll"}
_STATEMENT_START = (";", "{", "}", ")", ":", "")


@dataclass(frozen=True)
class Attribute:
    """One `name(argument)` of a [[...]] list; `index` is the token of the name."""

    name: str
    argument: str
    index: int


@dataclass
class Parameter:
    """One parameter of a kernel: token range, name, attributes."""

    start: int
    end: int
    name: int
    attributes: list[Attribute]


@dataclass
class KernelText:
    """A kernel as written. `body` holds the token indices of its braces, None for a declaration."""

    name: int
    head: int
    parameters: list[Parameter]
    body: tuple[int, int] | None
    attributes: list[Attribute]


@dataclass
class Kernels:
    """All kernels and attributes of a text; `erased` are the token ranges that only Metal understands."""

    text: Located
    kernels: list[KernelText] = field(default_factory=list)
    attributes: dict[int, list[Attribute]] = field(default_factory=dict)  # index of the first "[" -> its attributes
    erased: list[tuple[int, int]] = field(default_factory=list)
    problems: list[Diagnostic] = field(default_factory=list)
    insertions: dict[int, str] = field(default_factory=dict)  # index of "{" -> assertions behind it
    variables: list[tuple[int, int]] = field(default_factory=list)  # `threadgroup` and ';' of each such variable

    def complain(self, index: int, message: str) -> None:
        self.problems.append(self.text.error(index, message))

    def assertion(self, index: int, condition: str, message: str) -> str:
        """A static_assert whose failure is reported at token `index`."""
        place = f"@{self.text.tokens[index].line}:{self.text.columns[index]}@"
        return f' static_assert({condition}, "{place}{message}");'


def _attribute_list(tokens: Tokens, start: int, end: int) -> list[Attribute]:
    found = []
    for first, last in tokens.split(start, end):
        words = [i for i in range(first, last) if tokens[i].is_code()]
        if not words:
            continue
        name = tokens.code(first, last).split("(")[0].strip()
        argument = re.search(r"\((.*)\)\s*$", tokens.code(first, last), re.DOTALL)
        found.append(Attribute(name, argument.group(1).strip() if argument else "", words[0]))
    return found


def _read_attributes(found: Kernels) -> None:
    tokens = found.text.tokens
    i = 0
    while i < len(tokens):
        if tokens[i].text == "[" and tokens[i].kind == "symbol" and tokens.at(tokens.next(i)) == "[":
            end = tokens.match(i)
            found.attributes[i] = _attribute_list(tokens, tokens.next(i) + 1, tokens.previous(end))
            found.erased.append((i, end + 1))
            i = end
        i += 1


def _attributes_between(found: Kernels, start: int, end: int) -> list[Attribute]:
    return [attribute for i in range(start, end) for attribute in found.attributes.get(i, ())]


def _parameter(found: Kernels, start: int, end: int) -> Parameter:
    tokens = found.text.tokens
    stop = min((i for i in found.attributes if start <= i < end), default=end)
    name = tokens.previous(stop)
    while tokens.at(name) == "]":
        name = tokens.previous(opening_of(tokens, name))
    return Parameter(start, end, name, _attributes_between(found, start, end))


def _read_kernel(found: Kernels, qualifier: int) -> None:
    """Note the kernel whose qualifier (word or attribute) stands at `qualifier`."""
    tokens = found.text.tokens
    opening = qualifier
    while tokens.at(opening) not in ("(", ";", "{", ""):
        opening = tokens.match(opening) + 1 if tokens.at(opening) == "[" else opening + 1
    if tokens.at(opening) != "(":
        return
    closing = tokens.match(opening)
    head = qualifier
    while head > 0 and tokens[head - 1].text not in (";", "}", "{", ">"):
        head -= 1
    ranges = [r for r in tokens.split(opening + 1, closing) if tokens.code(*r).strip()]
    if tokens.code(opening + 1, closing).strip() == "void":
        ranges = []
    body = tokens.next(closing)
    name = tokens.previous(opening)
    for start, end in found.erased:
        name = tokens.previous(start) if start <= name < end else name
    found.kernels.append(
        KernelText(
            name,
            head,
            [_parameter(found, *r) for r in ranges],
            (body, tokens.match(body)) if tokens.at(body) == "{" else None,
            _attributes_between(found, head, opening),
        )
    )


def _find_kernels(found: Kernels) -> None:
    tokens = found.text.tokens
    inside = [(start, end) for start, end in found.erased]
    for i, token in enumerate(tokens):
        if i in found.attributes and any(a.name == "kernel" for a in found.attributes[i]):
            if not _is_instantiation(tokens, i):
                _read_kernel(found, i)
        elif token.text == "kernel" and token.kind == "word" and not any(a <= i < b for a, b in inside):
            found.erased.append((i, i + 1))
            following = tokens.at(tokens.next(i))
            if following in ("=", ",", ")", ";", "[", ".", "+", "-", "*"):
                found.complain(i, "'kernel' is a reserved word of Metal")
            elif not _is_instantiation(tokens, i):
                _read_kernel(found, i)


def _is_instantiation(tokens: Tokens, index: int) -> bool:
    """Whether the declaration around `index` is an explicit instantiation: `template` without parameters."""
    first = index
    while first > 0 and tokens[first - 1].text not in (";", "}", "{"):
        first -= 1
    template = next((i for i in range(first, index) if tokens[i].text == "template"), None)
    return template is not None and tokens.at(tokens.next(template)) != "<"


def _check_function(found: Kernels, kernel: KernelText) -> None:
    tokens = found.text.tokens
    before = tokens.previous(kernel.name)
    if tokens.at(before) != "void":
        found.complain(kernel.name, f"kernel '{tokens.at(kernel.name)}' must return void")
    if tokens.at(kernel.name) == "main":
        found.complain(kernel.name, "a kernel cannot be named 'main'")
    for attribute in kernel.attributes:
        if attribute.name == "max_total_threads_per_threadgroup":
            condition = f"({attribute.argument}) >= 1 && ({attribute.argument}) <= {MAX_THREADS}"
            if not attribute.argument:
                found.complain(attribute.index, "max_total_threads_per_threadgroup needs a number")
            elif kernel.body:
                message = f"max_total_threads_per_threadgroup must be 1 to {MAX_THREADS}"
                _insert(found, kernel.body[0], found.assertion(attribute.index, condition, message))


def _insert(found: Kernels, brace: int, text: str) -> None:
    found.insertions[brace] = found.insertions.get(brace, "") + text


class Binding(enum.Enum):
    """What a parameter of a kernel is bound to: a resource, by its attribute's name, or none."""

    BUFFER = "buffer"
    THREADGROUP = "threadgroup"
    BUILT_IN = "a built-in"
    UNKNOWN = "what is wrong, of which the text has been complained"


def _check_parameter(found: Kernels, parameter: Parameter) -> Binding:
    """Complain of what the text alone shows."""
    if wrong := _wrong_attribute(parameter):
        found.complain(*wrong)
        return Binding.UNKNOWN
    kind = next(iter(_kinds(parameter)), None)
    name = found.text.tokens.at(parameter.name)
    is_address = _is_address(found, parameter)
    if kind and kind.name in BUILT_INS:
        if is_address:
            found.complain(parameter.name, f"'{name}': a built-in is passed by value, not by pointer or reference")
        return Binding.BUILT_IN
    if not is_address:
        found.complain(
            parameter.name,
            f"invalid type for buffer declaration '{name}': a kernel's parameter is a pointer or reference to device, "
            "constant or threadgroup memory, or has a built-in's attribute",
        )
        return Binding.UNKNOWN
    return _check_resource(found, parameter, kind)


def _kinds(parameter: Parameter) -> list[Attribute]:
    """The attributes that say what is bound."""
    return [a for a in parameter.attributes if a.name != "function_constant"]


def _wrong_attribute(parameter: Parameter) -> tuple[int, str] | None:
    """The first attribute that no parameter of a kernel has, or has beside another: its token, and why."""
    for attribute in parameter.attributes:
        if attribute.name in _OUT_OF_SCOPE:
            return attribute.index, f"[[{attribute.name}]]: only buffers are supported"
        if attribute.name not in _PARAMETER_ATTRIBUTES | _STANDARD_ATTRIBUTES:
            return attribute.index, f"'{attribute.name}' is no attribute of a kernel's parameter"
    first, second, *_ = [*_kinds(parameter), None, None]
    if first and second:
        return second.index, f"[[{first.name}]] and [[{second.name}]] exclude each other"
    return None


def _words_before_name(found: Kernels, parameter: Parameter) -> set[str]:
    tokens = found.text.tokens
    return {tokens[i].text for i in range(parameter.start, parameter.name) if tokens[i].is_code()}


def _is_address(found: Kernels, parameter: Parameter) -> bool:
    """Whether a parameter is a pointer, a reference or an array."""
    behind = found.text.tokens.next(parameter.name)
    is_array = found.text.tokens.at(behind) == "[" and behind not in found.attributes
    return is_array or not _words_before_name(found, parameter).isdisjoint(("*", "&"))


def _check_resource(found: Kernels, parameter: Parameter, kind: Attribute | None) -> Binding:
    """What a parameter that is an address is bound to, by the space it points to. kind: the attribute that says so."""
    spaces = _words_before_name(found, parameter) & ADDRESS_SPACES
    resource = Binding.THREADGROUP if "threadgroup" in spaces else Binding.BUFFER
    name = found.text.tokens.at(parameter.name)
    if not spaces & {"device", "constant", "threadgroup"}:
        found.complain(parameter.name, f"'{name}' must point to device, constant or threadgroup memory")
    elif kind is not None and kind.name != resource.value:
        found.complain(kind.index, f"[[{kind.name}]] does not fit the address space of '{name}'")
    return resource


def _check_indices(found: Kernels, kernel: KernelText) -> None:
    """Resource indices are constants up to 30 and unique; those left out are filled in and count too."""
    used: dict[tuple[str, int], str] = {}
    implicit: dict[str, list[Parameter]] = {"buffer": [], "threadgroup": []}
    tokens = found.text.tokens
    for parameter in kernel.parameters:
        binding = _check_parameter(found, parameter)
        if binding not in (Binding.BUFFER, Binding.THREADGROUP):
            continue
        resource = binding.value
        explicit = next((a for a in parameter.attributes if a.name == resource), None)
        if explicit is None:
            implicit[resource].append(parameter)
            continue
        if not explicit.argument.isdigit():
            continue  # a macro or a template argument: not known here
        index = int(explicit.argument)
        if index >= MAX_BUFFERS:
            found.complain(explicit.index, f"{resource} index {index} is over {MAX_BUFFERS - 1}")
        if (resource, index) in used:
            found.complain(explicit.index, f"{resource} index {index} is already that of '{used[resource, index]}'")
        used[resource, index] = tokens.at(parameter.name)
    for resource, parameters in implicit.items():
        taken = sum(1 for kind, _ in used if kind == resource)
        if parameters and taken + len(parameters) > MAX_BUFFERS:
            found.complain(parameters[-1].name, f"more than {MAX_BUFFERS} {resource} arguments")


def _assert_types(found: Kernels, kernel: KernelText) -> None:
    """Built-ins are ushort or uint, indices scalar, positions of one width throughout."""
    if kernel.body is None:
        return
    tokens = found.text.tokens
    first: Parameter | None = None
    for parameter in kernel.parameters:
        kind = next((a.name for a in parameter.attributes if a.name in BUILT_INS), None)
        if kind is None or not tokens[parameter.name].text.isidentifier():
            continue
        name = tokens[parameter.name].text
        is_position = BUILT_INS[kind] == "uint3"
        most, types = (3, "ushort or uint, or a vector of 2 or 3") if is_position else (1, "ushort or uint")
        condition = f"__msl_is_builtin<decltype({name})>({most})"
        _insert(found, kernel.body[0], found.assertion(parameter.name, condition, f"[[{kind}]] must be {types}"))
        if not is_position:
            continue
        if first is not None:
            other = tokens[first.name].text
            condition = f"__msl_components<decltype({name})>() == __msl_components<decltype({other})>()"
            message = f"'{name}' and '{other}': all position attributes must have the same number of components"
            _insert(found, kernel.body[0], found.assertion(parameter.name, condition, message))
        first = first or parameter


def _check_uses(found: Kernels) -> None:
    tokens = found.text.tokens
    names: dict[str, int] = {}
    for kernel in found.kernels:
        name = tokens[kernel.name].text
        if name in names and kernel.body:
            found.complain(kernel.name, f"kernel '{name}' is defined twice; kernels cannot be overloaded")
        names[name] = kernel.name
    types = declared_types(tokens)
    for _, _, start, end in function_bodies(tokens):
        for name, index in calls(tokens, start, end):
            is_called = name in names and not types.has(tokens, index)  # a template's parameter may be called so, too
            if is_called and tokens.at(tokens.previous(index)) not in ("::", ".", "->"):
                found.complain(index, f"kernel '{name}' cannot be called")
    hosts: set[str] = set()
    for attributes in found.attributes.values():
        for attribute in attributes:
            if attribute.name == "host_name":
                if not attribute.argument.startswith('"'):
                    found.complain(attribute.index, "host_name needs a string")
                elif attribute.argument in hosts:
                    found.complain(attribute.index, f"host_name {attribute.argument} is used twice")
                hosts.add(attribute.argument)


def _check_places(found: Kernels) -> None:
    """Attributes that stand where they mean nothing, or that do not exist."""
    parameters = {a.index for k in found.kernels for p in k.parameters for a in p.attributes}
    constants: set[str] = set()
    for start, attributes in found.attributes.items():
        for attribute in attributes:
            if attribute.index in parameters or "::" in attribute.name:
                continue
            if attribute.name == "function_constant":
                if attribute.argument in constants:
                    found.complain(attribute.index, f"function_constant({attribute.argument}) is used twice")
                constants.add(attribute.argument)
                _check_function_constant(found, start)
            elif attribute.name not in _KNOWN_ATTRIBUTES:
                found.complain(attribute.index, f"unknown attribute '{attribute.name}'")
            elif attribute.name == "max_total_threads_per_threadgroup" and not _is_of_kernel(found, start, attribute):
                found.complain(attribute.index, f"'{attribute.name}' only applies to kernels")


def _is_of_kernel(found: Kernels, start: int, attribute: Attribute) -> bool:
    return _is_instantiation(found.text.tokens, start) or any(attribute in k.attributes for k in found.kernels)


def _check_function_constant(found: Kernels, start: int) -> None:
    tokens = found.text.tokens
    if tokens.at(tokens.next(tokens.match(start))) != ";":
        found.complain(start, "a function constant has no initialiser")
    first = start
    while first > 0 and tokens[first - 1].text not in (";", "}", "{"):
        first -= 1
    if "constant" not in tokens.words(first, start):
        found.complain(start, "a function constant must be in the constant address space")


def _threadgroup_variables(found: Kernels) -> None:
    """Variables in threadgroup memory: only in kernels, without initialiser, 32 KB in all."""
    tokens = found.text.tokens
    bodies = {kernel.body for kernel in found.kernels if kernel.body}
    inside = {body: name for name, _, *body_range in function_bodies(tokens) for body in [tuple(body_range)]}
    for i, token in enumerate(tokens):
        if token.text != "threadgroup" or token.kind != "word" or tokens.at(tokens.previous(i)) not in _STATEMENT_START:
            continue
        if any(start <= i < end for start, end in found.erased):
            continue
        declaration = threadgroup_declaration(tokens, i)
        if declaration is None:
            continue
        found.variables.append((i, declaration[0]))
        if not any(start < i < stop for start, stop in bodies):
            where = "a function that is no kernel" if any(a < i < b for a, b in inside) else "program scope"
            found.complain(i, f"a threadgroup variable cannot be declared in {where}")
        elif declaration[1]:
            found.complain(i, "a threadgroup variable cannot be initialised")


def threadgroup_declaration(tokens: Tokens, start: int) -> tuple[int, bool] | None:
    """(index of the ';', whether initialised) if a variable is declared at `start`, None for pointer or function."""
    i = start
    initialised = False
    while tokens.at(i) != ";":
        text = tokens.at(i)
        if text in ("*", "&", ""):
            return None
        if text == "(" and tokens.at(tokens.previous(i)) != "__attribute__":
            return None
        if text in ("=", "{"):
            first = tokens.next(i) if text == "=" else i
            initialised |= tokens.at(first) != "{" or not is_zero_initialiser(tokens, first, tokens.match(first) + 1)
        i = tokens.match_angle(i) if text == "<" else tokens.match(i) if text in ("(", "[", "{") else i
        i += 1
    return i, initialised


def read_kernels(text: Located) -> Kernels:
    """Find and check every kernel and attribute; problems are collected, assertions prepared."""
    found = Kernels(text)
    _read_attributes(found)
    _find_kernels(found)
    for kernel in found.kernels:
        _check_function(found, kernel)
        _check_indices(found, kernel)
        _assert_types(found, kernel)
    _check_uses(found)
    _check_places(found)
    _threadgroup_variables(found)
    return found
