"""Runs expressions of the kernel vocabulary on arrays: on lanes, on uniform values, or on a mixture of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from triton_alloy.msl.vocabulary import source_of, words_of
from triton_alloy.msl_cpu import Library, strict

LANES = 32
UNIFORM = {
    "b1": "bool", "i8": "char", "i16": "short", "i32": "int", "i64": "long", "u8": "uchar", "u16": "ushort",
    "u32": "uint", "u64": "ulong", "f16": "half", "bf16": "bfloat", "f32": "float",
    "f64": "float64",
}  # fmt: skip
STORAGE = {
    "b1": "uint8", "i8": "int8", "i16": "int16", "i32": "int32", "i64": "int64", "u8": "uint8", "u16": "uint16",
    "u32": "uint32", "u64": "uint64", "f16": "float16", "bf16": "uint16", "f32": "float32",
    "f64": "float64",
}  # fmt: skip
INTEGERS = ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64")
FLOATS = ("f16", "bf16", "f32", "f64")
MODES = ("fast", "reference")

HEAD = """#include <metal_stdlib>
using namespace metal;
#pragma METAL fp contract(off)
// vocabulary: begin
{vocabulary}// vocabulary: end
"""


@dataclass(frozen=True)
class Operand:
    """An argument of the expressions: its values, of a vocabulary type, and whether it is the same for all lanes."""

    name: str
    type: str
    values: np.ndarray
    uniform: bool = False


def memory_name(type_: str) -> str:
    return UNIFORM[type_] if type_ != "b1" else "uchar"


def kernel(body: str, parameters: Sequence[str]) -> str:
    """A kernel `k` of one simdgroup per threadgroup; `parameters`: its buffers, declared without their attribute."""
    numbered = [f"{text} [[buffer({i})]]" for i, text in enumerate(parameters)]
    built_in = ["uint3 program_id [[threadgroup_position_in_grid]]", "u32 lane [[thread_index_in_simdgroup]]"]
    text = f"[[kernel]] void k({', '.join(numbered + built_in)}) {{\n{body}\n}}\n"
    return HEAD.format(vocabulary=source_of(words_of(text))) + text


def launch(source: str, mode: str, buffers: Sequence[np.ndarray], threadgroups: int = 1) -> None:
    """Run a kernel; in reference mode, after a check that Apple's compiler would take the text."""
    if mode == "reference":
        strict.check(source)
    Library(source, mode=mode).k.launch(list(buffers), threadgroups, LANES)


def evaluate(
    expressions: Sequence[tuple[str, str]], operands: Sequence[Operand], mode: str, extra: str = ""
) -> list[np.ndarray]:
    """The value of each (expression, result type) at each element of the operands.

    Lanes run over the elements, or a threadgroup handles one if some operand is uniform: then its lanes all have it.
    `extra`: statements before the expressions.
    """
    uniform = any(operand.uniform for operand in operands)
    count = len(operands[0].values)
    assert uniform or count % LANES == 0
    results = [np.zeros(count, STORAGE[type_]) for _, type_ in expressions]
    wide = [np.zeros(count * LANES, array.dtype) if uniform else array for array in results]
    parameters = [f"const device {memory_name(each.type)} *{each.name}_ptr" for each in operands]
    parameters += [f"device {memory_name(type_)} *out{n}" for n, (_, type_) in enumerate(expressions)]
    lines = ["    i32 place = int(program_id.x * 32) + i32(lane);"]
    lines += [f"    {_declaration(each, uniform)}" for each in operands]
    lines += [extra] if extra else []
    for n, (text, type_) in enumerate(expressions):
        lines.append(f"    store_contiguous(out{n}, place, {'u8' if type_ == 'b1' else type_}({text}));")
    assert len(parameters) <= 31
    arrays = [each.values for each in operands]
    assert all(array.dtype == STORAGE[each.type] for array, each in zip(arrays, operands, strict=True))
    launch(kernel("\n".join(lines), parameters), mode, arrays + wide, count if uniform else count // LANES)
    if uniform:
        for result, array in zip(results, wide, strict=True):
            rows = array.reshape(count, LANES)
            assert (_bits(rows) == _bits(rows[:, :1])).all(), "lanes differ"
            result[:] = rows[:, 0]
    return results


def _declaration(operand: Operand, one_each: bool) -> str:
    name, source = operand.name, f"{operand.name}_ptr"
    if operand.uniform:
        value = f"{source}[program_id.x]"
        return f"{UNIFORM[operand.type]} {name} = {value}{' != 0' if operand.type == 'b1' else ''};"
    place = "i32(int(program_id.x)) + i32(lane) * 0" if one_each else "place"
    value = f"load({source}, {place})"
    return f"{operand.type} {name} = {f'b1({value})' if operand.type == 'b1' else value};"


def _bits(array: np.ndarray) -> np.ndarray:
    return array.view(f"uint{array.itemsize * 8}")


# ------------------------------------------------------------------------------------------------- numbers of each type
def from_bf16(bits: np.ndarray) -> np.ndarray:
    """float32 values of bfloat16 bits."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


@np.errstate(all="ignore")
def to_bf16(values: np.ndarray) -> np.ndarray:
    """Bits of the nearest bfloat16, ties to even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)
    return np.where(np.isnan(values), np.uint16(0x7FC0), rounded)


@np.errstate(invalid="ignore")  # a signalling NaN becomes a quiet one
def decode(array: np.ndarray, type_: str) -> np.ndarray:
    """Values in float64 (floats) or as they are."""
    if type_ == "bf16":
        return from_bf16(array).astype(np.float64)
    return array.astype(np.float64) if type_ in FLOATS else array


@np.errstate(all="ignore")
def encode(values: np.ndarray, type_: str) -> np.ndarray:
    """Values rounded to the type, as memory holds them."""
    return to_bf16(values) if type_ == "bf16" else np.asarray(values).astype(STORAGE[type_])


def samples(type_: str, count: int, seed: int) -> np.ndarray:
    """`count` values: the extremes, small numbers, random bits; in another order for another seed."""
    generator = np.random.default_rng(seed)
    storage = np.dtype(STORAGE[type_])
    if type_ == "b1":
        return generator.integers(0, 2, count).astype(storage)
    unsigned = np.dtype(f"uint{storage.itemsize * 8}")
    random = generator.integers(0, np.iinfo(unsigned).max, count // 2, unsigned, endpoint=True).view(storage)
    if type_ in FLOATS:
        special = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5, -2.5, 1e-40, 6e-8, 65504.0, -3e38, 0.49999997]
        rest = np.concatenate([special, generator.standard_normal(count - count // 2 - len(special)) * 10])
        values = np.concatenate([random, encode(rest, type_)])
    else:
        info = np.iinfo(storage)
        special = [info.min, info.max, 0, 1, info.max // 2, info.min // 2, info.max - 1, 2, 3, 7]
        rest = generator.integers(max(info.min, -100), 100, count - count // 2 - len(special)).tolist()
        values = np.concatenate([random, np.array(special + rest, storage)])
    return generator.permutation(values)
