"""Metal text -> CUDA text: the text itself, less what C++ does not have, and an entry point for each kernel.

The passes are those that make C++ of Metal for the CPU (msl_cpu); the functions of Metal come from headers/.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from triton_alloy.msl_cpu.text.address_spaces import erase_address_spaces
from triton_alloy.msl_cpu.text.preprocess import needs_preprocessing, preprocess, take_markers_out
from triton_alloy.msl_cpu.text.signatures import ConstantValue, Instance, Program, find_kernels, strip_attributes
from triton_alloy.msl_cpu.text.tokens import Tokens

_PREFIX = "namespace metal { namespace text {\n"
_SUFFIX = "}}  // namespace metal::text\n"
_CONTRACT = re.compile(r"^\s*#\s*pragma\s+METAL\s+fp\s+contract\s*\(\s*(off|fast|on)\s*\)", re.MULTILINE)
_DROPPED = re.compile(r"\s*#\s*(?:include\s*<|pragma\s+METAL\b|pragma\s+once\b)")
_UNROLL = re.compile(r"\s*#\s*pragma\s+clang\s+loop\s+unroll\s*\(\s*(?:full|enable)\s*\)")
_UNROLL_OPERATOR = re.compile(r'_Pragma\(\s*"clang loop unroll\((?:full|enable)\)"\s*\)')
_PAIRED = "mma_8x8"


@dataclass(frozen=True)
class CudaProgram:
    """CUDA text to follow the headers. entries: the kernels' names there and in Metal alike; fused: whether products
    and sums may be contracted."""

    text: str
    entries: tuple[str, ...]
    fused: bool


def rewrite(
    source: str,
    constants: Mapping[int | str, ConstantValue] | None = None,
    include_paths: Sequence[str] = (),
    paired: bool = False,
) -> CudaProgram:
    """The text for CUDA.

    constants: values of function constants; include_paths: of the user's headers; paired: products of the vocabulary
    are those of headers/tensor_cores.h. Raises CompileError where the text cannot be understood.
    """
    contract = _CONTRACT.findall(source)
    if needs_preprocessing(source, include_paths):
        source, _ = take_markers_out(preprocess(source, include_paths))
    program = Program(Tokens(source))
    _rewrite_directives(program.tokens)
    strip_attributes(program, constants or {})
    find_kernels(program)
    _share_threadgroup_variables(program)
    if paired:
        _rename_products(program.tokens)
    erase_address_spaces(program.tokens)
    entries = "".join(map(_entry, program.entries))
    text = _PREFIX + str(program.tokens) + "\n" + entries + _SUFFIX
    return CudaProgram(text, tuple(map(_symbol, program.entries)), "off" not in contract[-1:])


def _rewrite_directives(tokens: Tokens) -> None:
    for token in tokens:
        if token.kind == "directive" and _DROPPED.match(token.text):
            token.text = "\n" * token.text.count("\n")
        elif token.kind == "directive":
            token.text = _UNROLL_OPERATOR.sub('_Pragma("unroll")', _UNROLL.sub("#pragma unroll", token.text))


def _share_threadgroup_variables(program: Program) -> None:
    """`threadgroup T a[4];` in a kernel's body -> `__shared__ T a[4];`; pointers and references stay."""
    tokens = program.tokens
    for kernel in program.kernels.values():
        i = kernel.body[0] + 1
        while i < kernel.body[1]:
            if tokens[i] == "threadgroup" and tokens.at(tokens.previous(i)) in (";", "{", "}"):
                end = i
                while tokens.at(end) not in (";", "=", "*", "&"):
                    end = tokens.match(end) + 1 if tokens[end].text in ("(", "[") else end + 1
                if tokens.at(end) == ";":
                    tokens[i].text = "__shared__"
            i += 1


def _rename_products(tokens: Tokens) -> None:
    """Calls of the vocabulary's product become calls of the one that takes two rows of fragments at once."""
    for i, token in enumerate(tokens):
        if token == _PAIRED and tokens.at(tokens.next(i)) == "<":
            token.text = f"paired_{_PAIRED}"


def _symbol(instance: Instance) -> str:
    return re.sub(r"\W", "_", instance.name)


def _entry(instance: Instance) -> str:
    """`__global__` with the kernel's buffers as parameters, which calls the kernel with them and with the built-ins."""
    scope = "::".join(filter(None, ["::metal::text", instance.scope]))
    function = f"{scope}::{instance.expression}"
    parameters, arguments = [], []
    for i, parameter in enumerate(instance.kernel.parameters):
        type_ = f"typename_{i}"
        if parameter.kind == "buffer":
            parameters.append(f"const __grid_constant__ {type_} p{i}")
            arguments.append(f"p{i}")
        else:
            arguments.append(f"::metal::as_built_in<{type_}>::of(::metal::built_in::{parameter.kind}())")
    types = "".join(
        f"typedef ::metal::parameter<{i}, decltype({function})>::type typename_{i};\n"
        for i in range(len(instance.kernel.parameters))
    )
    threads = instance.kernel.max_threads
    bounds = f" __launch_bounds__({threads})" if threads else ""
    name = _symbol(instance)
    return (
        f"namespace entry_of_{name} {{\n{types}"
        f'extern "C" __global__ void{bounds} {name}({", ".join(parameters)}) {{\n'
        f"    {function}({', '.join(arguments)});\n}}\n}}\n"
    )
