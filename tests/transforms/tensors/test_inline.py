"""Calls vanish, nested ones too; locations know the call; recursion is refused."""

import pytest

import triton_alloy.dialects  # noqa: F401
from tests.support.filecheck import check
from tests.support.interpret import assert_same_effects
from triton_alloy.errors import Unsupported
from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_ir
from triton_alloy.ir.verifier import verify
from triton_alloy.transforms.tensors import inline

MODULE = """\
"builtin.module"() ({
  "tt.func"() <{function_type = (!tt.ptr<i32>, i32) -> (), sym_name = "main", sym_visibility = "public"}> ({
  ^bb0(%p: !tt.ptr<i32>, %x: i32):
    %y:2 = "tt.call"(%x, %x) <{callee = @outer}> : (i32, i32) -> (i32, i32) loc("k.py":5:1)
    %z = "arith.subi"(%y#0, %y#1) : (i32, i32) -> i32
    "tt.store"(%p, %z) : (!tt.ptr<i32>, i32) -> ()
    "tt.call"(%p, %z) <{callee = @save}> : (!tt.ptr<i32>, i32) -> () loc("k.py":6:1)
    "tt.return"() : () -> ()
  }) : () -> ()
  "tt.func"() <{function_type = (i32, i32) -> (i32, i32), sym_name = "outer", sym_visibility = "private"}> ({
  ^bb0(%a: i32, %b: i32):
    %c = "arith.muli"(%a, %b) : (i32, i32) -> i32 loc("c"("lib.py":1:1))
    %d = "tt.call"(%c) <{callee = @inner}> : (i32) -> i32 loc("lib.py":2:1)
    "tt.return"(%d, %a) : (i32, i32) -> ()
  }) {noinline = true} : () -> ()
  "tt.func"() <{function_type = (i32) -> i32, sym_name = "inner", sym_visibility = "private"}> ({
  ^bb0(%e: i32):
    %f = "arith.addi"(%e, %e) : (i32, i32) -> i32 loc("f"("lib.py":9:1))
    "tt.return"(%f) : (i32) -> ()
  }) : () -> ()
  "tt.func"() <{function_type = (!tt.ptr<i32>, i32) -> (), sym_name = "save", sym_visibility = "private"}> ({
  ^bb0(%q: !tt.ptr<i32>, %v: i32):
    %n = "tt.addptr"(%q, %v) : (!tt.ptr<i32>, i32) -> !tt.ptr<i32>
    "tt.store"(%n, %v) : (!tt.ptr<i32>, i32) -> ()
    "tt.return"() : () -> ()
  }) : () -> ()
}) : () -> ()
"""


def test_all_calls_are_inlined():
    module = parse(MODULE)
    verify(module)
    inline.run(module)
    verify(module)
    check(
        print_ir(module),
        """
        CHECK: sym_name = "main"
        CHECK-NOT: tt.call
        CHECK: %c = "arith.muli"(%x, %x)
        CHECK-NEXT: %f = "arith.addi"(%c, %c)
        CHECK-NEXT: %z = "arith.subi"(%f, %x)
        CHECK-NEXT: "tt.store"(%p, %z)
        CHECK-NEXT: %n = "tt.addptr"(%p, %z)
        CHECK-NOT: tt.func
        """,
    )
    assert_same_effects(parse(MODULE), module, "main", [64, 3])


def test_locations_lead_to_the_kernel():
    module = parse(MODULE)
    inline.run(module)
    add = next(op for op in module.walk() if op.name == "arith.addi")
    lines, place = [], add.location
    while place is not None:
        lines.append(str(place))
        place = place.caller
    assert lines == ["lib.py:9", "lib.py:2", "k.py:5"]
    assert add.result.name == "f" and add.location.outermost().line == 5


@pytest.mark.parametrize("callee, message", [("main", "recursive"), ("outer", "recursive"), ("none", "not defined")])
def test_what_cannot_be_inlined_is_refused(callee, message):
    text = MODULE.replace(
        '%f = "arith.addi"(%e, %e) : (i32, i32)', f'%f = "tt.call"(%e) <{{callee = @{callee}}}> : (i32)'
    )
    with pytest.raises(Unsupported, match=message):
        inline.run(parse(text))
