"""Tensors with layouts, as text, through the stage `lower`."""

from __future__ import annotations

from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_ir
from triton_alloy.ir.rewrite import eliminate_common_subexpressions, eliminate_dead_code
from triton_alloy.ir.verifier import verify
from triton_alloy.target import target_for
from triton_alloy.transforms.lowering import lower

# 256 elements: 2 registers, 32 lanes, 4 simdgroups.
WIDE = "#linear<{register = [[32]], lane = [[1], [2], [4], [8], [16]], simdgroup = [[64], [128]]}>"
# 64 elements on 2 registers and one simdgroup; the same with the registers next to each other.
LINE = "#linear<{register = [[32]], lane = [[1], [2], [4], [8], [16]], simdgroup = []}>"
PAIR = "#linear<{register = [[1]], lane = [[2], [4], [8], [16], [32]], simdgroup = []}>"
# 4x32: a row is a register.
TILE = "#linear<{register = [[1, 0], [2, 0]], lane = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16]], simdgroup = []}>"
ROWS = "#linear<{register = [[1], [2]], lane = [[0], [0], [0], [0], [0]], simdgroup = []}>"
ONE_COLUMN = "#linear<{register = [[1, 0], [2, 0]], lane = [[0, 0], [0, 0], [0, 0], [0, 0], [0, 0]], simdgroup = []}>"
COLUMNS = "#linear<{register = [], lane = [[1], [2], [4], [8], [16]], simdgroup = []}>"
ONE_ROW = "#linear<{register = [], lane = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16]], simdgroup = []}>"


def lowered(arguments: str, body: str, hints: str = "", family: str = "apple9", simdgroups: int = 1) -> str:
    types = ", ".join(part.split(": ")[1] for part in arguments.split(", ") if part)
    hints = hints or ", ".join("{}" for part in arguments.split(", ") if part)
    for name in ("WIDE", "LINE", "PAIR", "TILE", "ROWS", "ONE_COLUMN", "COLUMNS", "ONE_ROW"):
        body = body.replace(f"@{name}", globals()[name])
    module = parse(
        f'"builtin.module"() ({{\n"tt.func"() <{{function_type = ({types}) -> (), sym_name = "k", '
        f"arg_attrs = [{hints}]}}> ({{\n^bb0({arguments}):\n{body}\n"
        '"tt.return"() : () -> ()\n}) : () -> ()\n}) : () -> ()\n'
    )
    lower.run(module, target_for(family), simdgroups, False)
    eliminate_common_subexpressions(module)
    eliminate_dead_code(module)
    verify(module)
    return print_ir(module)


def store_range(layout: str, shape: int) -> str:
    return f"""
    %i = "tt.make_range"() <{{end = {shape} : i32, start = 0 : i32}}> : () -> tensor<{shape}xi32, {layout}>
    %b = "tt.splat"(%x) : (!tt.ptr<i32>) -> tensor<{shape}x!tt.ptr<i32>, {layout}>
    %p = "tt.addptr"(%b, %i) : (tensor<{shape}x!tt.ptr<i32>, {layout}>, tensor<{shape}xi32, {layout}>) \
-> tensor<{shape}x!tt.ptr<i32>, {layout}>
    """
