"""How libtriton sees a launch's arguments: each as a type and a specialisation, the parts of a kernel's key.

This runs for every argument of every launch. What to do is decided once per Python type.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Specialised = tuple[Any, Any]
Rule = Callable[[Any, Any, bool, bool, bool], Specialised]
"""(backend, argument, is_const, specialize_value, align) -> (type, key)"""

_pointer_types: dict[tuple[Any, bool], str] = {}


def native_specialize_impl(backend: Any, arg: Any, is_const: bool, specialize_value: bool, align: bool) -> Specialised:
    """(type, key): `("*fp32", "D")` for an aligned tensor, `("i32", "")`, `("constexpr", 1)` for a value that is
    compiled in. Raises TypeError for what cannot be passed."""
    rule = _RULES.get(type(arg))
    if rule is None:
        rule = _RULES[type(arg)] = _rule_for(arg)
    return rule(backend, arg, is_const, specialize_value, align)


def _integer(backend: Any, arg: int, is_const: bool, specialize_value: bool, align: bool) -> Specialised:
    if not specialize_value:
        return _integer_type(arg), None
    if arg == 1:
        return "constexpr", arg
    return _integer_type(arg), "D" if align and not arg & 15 else ""


def _numpy_integer(backend: Any, arg: Any, is_const: bool, specialize_value: bool, align: bool) -> Specialised:
    """As an int, but never compiled in: Triton knows no NumPy scalars among the constants of a kernel."""
    number = int(arg)
    if not specialize_value:
        return _integer_type(number), None
    return _integer_type(number), "D" if align and not number & 15 else ""


def _integer_type(number: int) -> str:
    if -0x8000_0000 <= number <= 0x7FFF_FFFF:
        return "i32"
    if -(1 << 63) <= number < 1 << 63:
        return "i64"
    if 0 <= number < 1 << 64:
        return "u64"
    raise OverflowError("integer to be specialized too large to represent")


def _tensor(backend: Any, arg: Any, is_const: bool, specialize_value: bool, align: bool) -> Specialised:
    key = arg.dtype, is_const
    type_ = _pointer_types.get(key)
    if type_ is None:
        from triton._utils import canonicalize_ptr_dtype

        type_ = _pointer_types[key] = canonicalize_ptr_dtype(*key)
    if not specialize_value:
        return type_, None
    if getattr(backend, "supports_native_tensor_specialization", False):
        return type_, "D" if align and not arg.data_ptr() & 15 else ""
    return type_, backend.get_tensor_specialization(arg, align=align)


def _tuple(backend: Any, arg: tuple, is_const: bool, specialize_value: bool, align: bool) -> Specialised:
    if not arg:
        return arg, arg
    pairs = [native_specialize_impl(backend, item, False, True, True) for item in arg]
    types, keys = zip(*pairs, strict=True)
    return (type(arg)(*types), type(arg)(*keys)) if hasattr(arg, "_fields") else (types, keys)


def _descriptor(backend: Any, arg: Any, is_const: bool, specialize_value: bool, align: bool) -> Specialised:
    from triton._utils import canonicalize_dtype

    return f"tensordesc<{canonicalize_dtype(arg.base.dtype)}{list(arg.block_shape)}>", None


def _rule_for(arg: Any) -> Rule:
    """The rule for a type that is met for the first time."""
    import numpy as np
    from triton.language import constexpr
    from triton.runtime.jit import JITCallable
    from triton.tools.tensor_descriptor import TensorDescriptor

    by_class: tuple[tuple[type, Rule], ...] = (
        (tuple, _tuple),
        (constexpr, lambda backend, arg, *flags: ("constexpr", arg)),
        (TensorDescriptor, _descriptor),
        (JITCallable, lambda backend, arg, *flags: ("constexpr", arg.cache_key)),
    )
    for class_, rule in by_class:
        if isinstance(arg, class_):
            return rule
    if hasattr(arg, "data_ptr"):
        return _tensor
    numbers = ((int, _integer), (np.integer, _numpy_integer), (np.bool_, _RULES[bool]))
    for class_, rule in (*numbers, ((float, np.floating), _RULES[float])):
        if isinstance(arg, class_):
            return rule
    remedy = "; pass triton_alloy.array(x)" if isinstance(arg, np.ndarray) else ""
    raise TypeError(f"failed to specialize argument of type: {type(arg).__name__}{remedy}")


_RULES: dict[type, Rule] = {
    int: _integer,
    bool: lambda backend, arg, *flags: ("u1", None),
    float: lambda backend, arg, *flags: ("fp32", None),
    type(None): lambda backend, arg, *flags: ("constexpr", None),
    tuple: _tuple,
}


def make_tensordesc_args(
    args: Sequence[Any],
    signature: Sequence[Any],
    relevant_paths: dict[int, Any],
    tensordesc_meta: list,
    base_args: Any,
    make_tensordesc_arg: Callable[[Any, Any, Any], Sequence[Any]],
) -> list:
    """A kernel's arguments with each tensor descriptor replaced by the values that `make_tensordesc_arg` gives for it.

    relevant_paths: which items of nested tuples hold descriptors, as a tree of indices. tensordesc_meta: of each
    descriptor, in order; may be empty.
    """
    remaining = iter(tensordesc_meta)

    def visit(args: Sequence[Any], signature: Sequence[Any], paths: dict[int, Any]) -> list:
        result: list = []
        for i, (arg, type_) in enumerate(zip(args, signature, strict=True)):
            if isinstance(type_, str):
                if type_.startswith("tensordesc"):
                    meta = next(remaining) if tensordesc_meta else None
                    result.extend(make_tensordesc_arg(arg, meta, base_args))
                else:
                    result.append(arg)
            else:
                result.append(tuple(visit(arg, type_, paths[i])) if i in paths else arg)
        return result

    result = visit(args, signature, relevant_paths)
    if next(remaining, None) is not None:
        raise ValueError("make_tensordesc_args: tensordesc_idx != meta_len")
    return result
