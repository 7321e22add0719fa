"""What Metal has and this package does not: refused by name, where the text first uses it."""

from __future__ import annotations

import re

from .tokens import Tokens

# Words that stand before `<`, `::` or a name where they are Metal's; what to say of them.
_REFUSED = (
    (
        re.compile(r"texture(1d|2d|3d|cube)\w*|texture_buffer|depth(2d|cube)\w*"),
        "textures are not supported on the CPU",
    ),
    (re.compile(r"sampler"), "samplers are not supported on the CPU"),
    (
        re.compile(
            r"raytracing|intersector|intersection_(query|params|result|function_table)\w*|ray_data"
            r"|(\w+_)?acceleration_structure"
        ),
        "ray tracing is not supported on the CPU",
    ),
    (
        re.compile(r"tensor|tensor_(handle|inline|offset)|cooperative_tensor|d?extents|mpp|tensor_ops"),
        "tensors are not supported on the CPU",
    ),
    (re.compile(r"imageblock\w*"), "imageblocks are not supported on the CPU"),
    (re.compile(r"visible_function_table"), "function tables are not supported on the CPU"),
    (
        re.compile(r"interpolant|patch_control_point|mesh|mesh_grid_properties|object_data"),
        "rendering is not supported",
    ),
    (re.compile(r"vertex|fragment"), "only compute kernels are supported"),
)
_WORD = re.compile("|".join(f"(?:{pattern.pattern})" for pattern, _ in _REFUSED))
_INCLUDE = re.compile(r"\s*#\s*include\s*<MetalPerformancePrimitives/")
_DECLARING = frozenset({"struct", "class", "union", "enum", "typename", "using", "namespace"})
_QUALIFIERS = frozenset(
    ["const", "constexpr", "static", "inline", "volatile", "device", "thread", "threadgroup", "constant", "kernel"]
    + ["return", "typedef", "typename"]
)


def _is_declared(tokens: Tokens, index: int) -> bool:
    """Whether the word at `index` gets its meaning here: a type of the user's, or what stands behind a type."""
    before = tokens.previous(index)
    if tokens.at(before) in _DECLARING or tokens.at(before) in ("*", "&", ">"):
        return True
    return before >= 0 and tokens[before].kind == "word" and tokens[before].text not in _QUALIFIERS


def refuse_what_is_missing(tokens: Tokens) -> None:
    """Raise CompileError at the first use of textures, samplers, ray tracing, tensors or stages of rendering.

    A name that the text declares itself, or uses as a variable, is the user's own.
    """
    words = [i for i, token in enumerate(tokens) if token.kind == "word" and _WORD.fullmatch(token.text)]
    own = {tokens[i].text for i in words if _is_declared(tokens, i)}
    for token in tokens:
        if token.kind == "directive" and _INCLUDE.match(token.text):
            raise tokens.error(tokens.index(token), "MetalPerformancePrimitives: tensors are not supported on the CPU")
    for i in words:
        following = tokens.next(i)
        is_type = tokens.at(following) in ("<", "::") or (following < len(tokens) and tokens[following].kind == "word")
        if is_type and tokens[i].text not in own and tokens.at(tokens.previous(i)) not in (".", "->"):
            message = next(said for pattern, said in _REFUSED if pattern.fullmatch(tokens[i].text))
            raise tokens.error(i, f"'{tokens[i].text}': {message}")
