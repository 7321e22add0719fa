"""libtriton's pass managers on our passes: the names, the order, and what is refused."""

from typing import Any

import pytest

import triton_alloy.dialects  # noqa: F401
from triton_alloy.errors import Unsupported
from triton_alloy.frontend import native
from triton_alloy.frontend.libtriton import ir, passes
from triton_alloy.frontend.libtriton.handles import module
from triton_alloy.ir.pretty_parser import parse_pretty

TEXT = """module {
  tt.func public @f(%p: !tt.ptr<i32>, %x: i32) {
    %y = tt.call @twice(%x) : (i32) -> i32
    tt.store %p, %y : !tt.ptr<i32>
    tt.return
  }
  tt.func private @twice(%x: i32) -> i32 {
    %k = arith.constant 2 : i32
    %one = arith.constant 1 : i32
    %y = arith.muli %k, %x : i32
    %z = arith.muli %y, %one : i32
    tt.return %z : i32
  }
}
"""


def built() -> Any:
    made: Any = module(parse_pretty(TEXT))
    made.context = ir.context()
    return made


def test_a_manager_runs_its_passes_in_order():
    made = built()
    manager = ir.pass_manager(made.context)
    manager.enable_debug()
    passes.common.add_inliner(manager)
    passes.common.add_canonicalizer(manager)
    assert manager.get_pipeline_str() == "builtin.module(inline,canonicalize)"
    manager.run(made, "make_ttir")
    assert made.str_nodebug() == (
        "module {\n"
        "  tt.func public @f(%arg0: !tt.ptr<i32>, %arg1: i32) {\n"
        "    %c2_i32 = arith.constant 2 : i32\n"
        "    %0 = arith.muli %arg1, %c2_i32 : i32\n"
        "    tt.store %arg0, %0 : !tt.ptr<i32>\n"
        "    tt.return\n"
        "  }\n"
        "}\n"
    )


def test_the_pipeline_of_the_backend_runs_on_our_modules():
    made = built()
    native.optimise(made)
    assert [op.name for op in made.core.walk()].count("tt.call") == 0


def test_a_module_can_be_printed_on_the_way(capsys: pytest.CaptureFixture[str]):
    made = built()
    manager = ir.pass_manager(made.context)
    passes.common.print_ir(manager)
    manager.run(made, "show")
    assert "tt.call @twice" in capsys.readouterr().err


@pytest.mark.parametrize("part, name", [("ttir", "add_convert_to_ttgpuir"), ("ttgpuir", "add_pipeline")])
def test_other_hardware_is_refused_by_name(part: str, name: str):
    with pytest.raises(Unsupported, match=name):
        getattr(getattr(passes, part), name)(None)
