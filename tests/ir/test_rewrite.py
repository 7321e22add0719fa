"""Dead code, common subexpressions, loop invariants: what goes, and what must stay."""

import triton_alloy.dialects  # noqa: F401
from tests.support.filecheck import check
from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_ir
from triton_alloy.ir.rewrite import eliminate_common_subexpressions, eliminate_dead_code, hoist_invariants
from triton_alloy.ir.verifier import verify


def rewritten(rewrite, body: str) -> str:
    module = parse(f"""\
"tt.func"() <{{function_type = (i32, !tt.ptr<i32>, i1) -> (), sym_name = "f"}}> ({{
^bb0(%x: i32, %p: !tt.ptr<i32>, %c: i1):
{body}
  "tt.return"() : () -> ()
}}) : () -> ()
""")
    verify(module)
    rewrite(module)
    verify(module)
    return print_ir(module)


def test_dead_code():
    text = rewritten(
        eliminate_dead_code,
        """\
  %a = "arith.addi"(%x, %x) : (i32, i32) -> i32
  %b = "arith.muli"(%a, %x) : (i32, i32) -> i32
  %l = "tt.load"(%p) <{isVolatile = false}> : (!tt.ptr<i32>) -> i32
  %v = "tt.load"(%p) <{isVolatile = true}> : (!tt.ptr<i32>) -> i32
  %used = "arith.subi"(%x, %x) : (i32, i32) -> i32
  "tt.store"(%p, %used) : (!tt.ptr<i32>, i32) -> ()
  %i = "scf.if"(%c) ({
    "scf.yield"(%x) : (i32) -> ()
  }, {
    "scf.yield"(%x) : (i32) -> ()
  }) : (i1) -> i32
  %j = "scf.if"(%c) ({
    "tt.store"(%p, %x) : (!tt.ptr<i32>, i32) -> ()
    %dead = "arith.addi"(%x, %x) : (i32, i32) -> i32
    "scf.yield"(%x) : (i32) -> ()
  }, {
    "scf.yield"(%x) : (i32) -> ()
  }) : (i1) -> i32
  %e = "tt.extern_elementwise"(%x) <{libname = "", libpath = "", pure = false, symbol = "f"}> : (i32) -> i32
""",
    )
    check(
        text,
        """
        CHECK: ^bb0
        CHECK-NEXT: %v = "tt.load"
        CHECK-NEXT: %used
        CHECK-NEXT: tt.store
        CHECK-NEXT: %j = "scf.if"
        CHECK-NEXT: tt.store
        CHECK-NEXT: scf.yield
        CHECK: extern_elementwise
        CHECK-NEXT: tt.return
        """,
    )


def test_common_subexpressions():
    text = rewritten(
        eliminate_common_subexpressions,
        """\
  %a = "arith.addi"(%x, %x) : (i32, i32) -> i32
  %m = "arith.muli"(%x, %a) : (i32, i32) -> i32
  %b = "arith.addi"(%x, %x) : (i32, i32) -> i32
  %n = "arith.muli"(%b, %x) : (i32, i32) -> i32
  %s = "arith.subi"(%x, %a) : (i32, i32) -> i32
  %t = "arith.subi"(%a, %x) : (i32, i32) -> i32
  "scf.if"(%c) ({
    %inner = "arith.addi"(%x, %x) : (i32, i32) -> i32
    %local = "arith.andi"(%x, %inner) : (i32, i32) -> i32
    "tt.store"(%p, %local) : (!tt.ptr<i32>, i32) -> ()
    "scf.yield"() : () -> ()
  }, {
    %other = "arith.andi"(%x, %a) : (i32, i32) -> i32
    "tt.store"(%p, %other) : (!tt.ptr<i32>, i32) -> ()
    "scf.yield"() : () -> ()
  }) : (i1) -> ()
  %l = "tt.load"(%p) : (!tt.ptr<i32>) -> i32
  %k = "tt.load"(%p) : (!tt.ptr<i32>) -> i32
  "tt.print"(%n, %s, %t, %l, %k) <{prefix = ""}> : (i32, i32, i32, i32, i32) -> ()
""",
    )
    check(
        text,
        """
        CHECK: %a = "arith.addi"
        CHECK-NEXT: %m = "arith.muli"(%x, %a)
        CHECK-NEXT: %s = "arith.subi"
        CHECK-NEXT: %t = "arith.subi"
        CHECK-NEXT: scf.if
        CHECK-NEXT: %local = "arith.andi"(%x, %a)
        CHECK: %other = "arith.andi"(%x, %a)
        CHECK: %l = "tt.load"
        CHECK-NEXT: %k = "tt.load"
        CHECK-NEXT: "tt.print"(%m, %s, %t, %l, %k)
        """,
    )


def test_zeros_of_both_signs_stay_apart():
    text = rewritten(
        eliminate_common_subexpressions,
        """\
  %a = "arith.constant"() <{value = dense<0.0> : tensor<4xf32>}> : () -> tensor<4xf32>
  %b = "arith.constant"() <{value = dense<-0.0> : tensor<4xf32>}> : () -> tensor<4xf32>
  %d = "arith.constant"() <{value = dense<0.0> : tensor<4xf32>}> : () -> tensor<4xf32>
  "tt.print"(%a, %b, %d) <{prefix = ""}> : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> ()
""",
    )
    check(text, 'CHECK: "tt.print"(%a, %b, %a)')


def test_invariants():
    text = rewritten(
        hoist_invariants,
        """\
  "scf.for"(%x, %x, %x) ({
  ^bb0(%i: i32):
    "scf.for"(%x, %x, %x) ({
    ^bb0(%j: i32):
      %far = "arith.addi"(%x, %x) : (i32, i32) -> i32
      %near = "arith.addi"(%i, %far) : (i32, i32) -> i32
      %here = "arith.addi"(%j, %near) : (i32, i32) -> i32
      %chosen = "scf.if"(%c) ({
        %t = "arith.muli"(%far, %x) : (i32, i32) -> i32
        "scf.yield"(%t) : (i32) -> ()
      }, {
        "scf.yield"(%x) : (i32) -> ()
      }) : (i1) -> i32
      %l = "tt.load"(%p) : (!tt.ptr<i32>) -> i32
      "tt.print"(%here, %chosen, %l) <{prefix = ""}> : (i32, i32, i32) -> ()
      "scf.yield"() : () -> ()
    }) : (i32, i32, i32) -> ()
    "scf.yield"() : () -> ()
  }) : (i32, i32, i32) -> ()
""",
    )
    check(
        text,
        """
        CHECK: %far =
        CHECK-NEXT: %chosen = "scf.if"
        CHECK: scf.for
        CHECK: %near =
        CHECK: scf.for
        CHECK: %here =
        CHECK-NEXT: %l = "tt.load"
        """,
    )
