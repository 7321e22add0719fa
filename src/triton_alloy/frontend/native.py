"""From native libtriton's module to ours, through its generic text. Triton 3.7 to 3.9."""

from __future__ import annotations

import re
from typing import Any

from ..errors import InvalidIR
from ..ir.core import Op
from ..ir.garbage import without_collection
from ..ir.parser import parse

_GENERIC_MODULE = re.compile(r'^"builtin\.module"\(', re.MULTILINE)

# Hints for caches that no Apple GPU exposes, under the names of 3.7 (`cache`, `evict`, and `boundaryCheck` of block
# pointers, empty once they are rewritten) and 3.9 (`cachePolicy`).
_CACHE_HINTS = ("cache", "evict", "cachePolicy", "boundaryCheck")
_DROPPED_ATTRIBUTES = {
    "tt.load": _CACHE_HINTS,
    "tt.store": _CACHE_HINTS,
    "llvm.intr.assume": ("op_bundle_sizes", "op_bundle_tags"),
}


@without_collection()
def import_module(native_module: Any) -> Op:
    """A copy of a libtriton `ir.module` as a `builtin.module`; the native module stays valid and keeps its meaning.

    Raises InvalidIR if libtriton's text is not what this package knows, as a future Triton may change it.
    """
    module = _copy(native_module)
    drop_hints(module)
    return module


def is_ours(built: Any) -> bool:
    """Whether a libtriton `ir.module` is our libtriton's, which has our IR, not the native one's."""
    return hasattr(built, "core")


def take_over(native_module: Any) -> Any:
    """A copy of a native `ir.module` as a module of our libtriton, so that our passes run on it."""
    from .libtriton import handles

    copy: Any = handles.module(_copy(native_module))
    copy.context = native_module.context
    return copy


def _copy(native_module: Any) -> Op:
    core = parse(generic_text(native_module))
    core.attributes.pop("llvm.data_layout", None)
    return core


def drop_hints(module: Op) -> None:
    """Remove the attributes that mean nothing to this compiler."""
    for op in module.walk():
        for name in _DROPPED_ATTRIBUTES.get(op.name, ()):
            op.attributes.pop(name, None)


def generic_text(native_module: Any) -> str:
    """The generic form, with locations, of a libtriton module.

    libtriton has no switch for it, but prints it for a module that does not verify; so the module gets an attribute of
    the wrong type while it is printed, and a harmless one of the right type afterwards.
    """
    from triton._C.libtriton import ir

    builder = ir.builder(native_module.context)
    native_module.set_attr("llvm.data_layout", builder.get_int32_attr(0))
    try:
        text = native_module.str()
    finally:
        native_module.set_attr("llvm.data_layout", builder.get_string_attr(""))
    if _GENERIC_MODULE.search(text) is None:
        raise InvalidIR("libtriton did not print MLIR's generic form; this version of Triton is not supported")
    return text


def optimise(built: Any) -> None:
    """Run Triton's target-independent passes on a fresh module of libtriton, native or ours, in place: inlining,
    tensor descriptors and block pointers to plain pointers, canonicalisation, common subexpressions, invariants,
    requested unrolling."""
    if is_ours(built):
        from .libtriton import ir, passes
    else:
        from triton._C.libtriton import ir, passes

    manager = ir.pass_manager(built.context)
    manager.enable_debug()
    passes.common.add_inliner(manager)
    if hasattr(passes.ttir, "add_rewrite_tensor_pointer"):  # block pointers: Triton 3.7 only
        passes.ttir.add_rewrite_tensor_pointer(manager)
    passes.ttir.add_rewrite_tensor_descriptor_to_pointer(manager)
    passes.common.add_canonicalizer(manager)
    passes.ttir.add_combine(manager)
    passes.ttir.add_reorder_broadcast(manager)
    passes.common.add_cse(manager)
    passes.ttir.add_triton_licm(manager)
    passes.common.add_symbol_dce(manager)
    passes.ttir.add_loop_unroll(manager)
    manager.run(built, "make_ttir")
