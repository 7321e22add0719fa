"""Functions of elements: branches become choices, maps become ops on tensors."""

import pytest

import triton_alloy.dialects  # noqa: F401
from tests.support.filecheck import check
from triton_alloy.errors import Unsupported
from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_ir
from triton_alloy.ir.verifier import verify
from triton_alloy.transforms.tensors import flatten, structurize

IF = """
      %c = "arith.cmpi"(%a, %b) <{predicate = 2 : i64}> : (i32, i32) -> i1
      %v = "scf.if"(%c) ({
        %d = "arith.subi"(%b, %a) : (i32, i32) -> i32
        "scf.yield"(%d) : (i32) -> ()
      }, {
        "scf.yield"(%a) : (i32) -> ()
      }) : (i1) -> i32
"""


def flattened(body: str, arguments: str = "%x: tensor<64xi32>, %n: i32, %p: !tt.ptr<i32>") -> str:
    types = ", ".join(part.split(": ")[1] for part in arguments.split(", "))
    module = parse(
        f'"builtin.module"() ({{\n"tt.func"() <{{function_type = ({types}) -> (), sym_name = "k"}}> ({{\n'
        f'^bb0({arguments}):\n{body}\n"tt.return"() : () -> ()\n}}) : () -> ()\n}}) : () -> ()\n'
    )
    structurize.run(module)
    flatten.run(module)
    verify(module)
    return print_ir(module)


def mapped(function: str, operands: str = "%x, %x", pack: int = 1) -> str:
    types = ", ".join("tensor<64xi32>" for _ in operands.split(","))
    names = ", ".join(f"%{name}: i32" for name in "abcdefgh"[: pack * len(operands.split(","))])
    return (
        f'%m = "tt.map_elementwise"({operands}) <{{pack = {pack} : i32}}> ({{\n^bb0({names}):\n{function}}}) : '
        f"({types}) -> tensor<64xi32>\n"
    )


CHECKED_IF = """
      %c = "arith.cmpi"(%a, %b) <{predicate = 2 : i64}> : (i32, i32) -> i1
      %v = "scf.if"(%c) ({
        %p = "arith.cmpi"(%a, %n) <{predicate = 2 : i64}> : (i32, i32) -> i1
        "tt.assert"(%p) <{message = "one"}> : (i1) -> ()
        "scf.yield"(%a) : (i32) -> ()
      }, {
        %q = "arith.cmpi"(%b, %n) <{predicate = 2 : i64}> : (i32, i32) -> i1
        "tt.assert"(%q) <{message = "other"}> : (i1) -> ()
        "scf.yield"(%b) : (i32) -> ()
      }) : (i1) -> i32
"""


RETURN = '"tt.map_elementwise.return"(%v) : (i32) -> ()\n'


def test_an_assertion_holds_for_the_elements_of_the_other_way():
    check(
        flattened(mapped(CHECKED_IF + RETURN)),
        """
        CHECK: [[c]] = "arith.cmpi"(%x, %x)
        CHECK: [[p]] = "arith.cmpi"(%x, {{.*}})
        CHECK: [[one]] = "arith.select"([[c]], [[p]], {{.*}})
        CHECK: "tt.assert"([[one]]) <{message = "one"}> : (tensor<64xi1>) -> ()
        CHECK: [[q]] = "arith.cmpi"(%x, {{.*}})
        CHECK: [[other]] = "arith.select"([[c]], {{.*}}, [[q]])
        CHECK: "tt.assert"([[other]]) <{message = "other"}>
        """,
    )


def test_both_ways_are_computed_and_chosen_from():
    text = flattened(mapped(IF + RETURN))
    assert "scf.if" not in text and "map_elementwise" not in text
    check(
        text,
        """
        CHECK: [[less]] = "arith.cmpi"(%x, %x) <{predicate = 2 : i64}> : {{.*}} -> tensor<64xi1>
        CHECK: [[difference]] = "arith.subi"(%x, %x) : {{.*}} -> tensor<64xi32>
        CHECK: "arith.select"([[less]], [[difference]], %x)
        """,
    )


def test_combiners_of_reductions_and_scans_too():
    for name in ("reduce", "scan"):
        result = "i32" if name == "reduce" else "tensor<64xi32>"
        text = flattened(
            f'%r = "tt.{name}"(%x) <{{axis = 0 : i32}}> ({{\n^bb0(%a: i32, %b: i32):\n{IF}'
            f'"tt.{name}.return"(%v) : (i32) -> ()\n}}) : (tensor<64xi32>) -> {result}'
        )
        assert "scf.if" not in text
        check(text, f'CHECK: "tt.{name}"\nCHECK: [[chosen]] = "arith.select"\nCHECK: "tt.{name}.return"([[chosen]])')


def test_early_returns():
    function = """
      %c = "arith.cmpi"(%a, %b) <{predicate = 2 : i64}> : (i32, i32) -> i1
      "cf.cond_br"(%c)[^bb1, ^bb2] <{operandSegmentSizes = array<i32: 1, 0, 0>}> : (i1) -> ()
    ^bb1:
      "tt.map_elementwise.return"(%a) : (i32) -> ()
    ^bb2:
      "tt.map_elementwise.return"(%b) : (i32) -> ()
    """
    check(flattened(mapped(function)), 'CHECK: "arith.select"({{.*}}) : (tensor<64xi1>')


def test_what_no_element_changes_stays_a_scalar():
    function = """
      %t = "arith.muli"(%n, %n) : (i32, i32) -> i32
      %v = "arith.addi"(%a, %t) : (i32, i32) -> i32
    """
    check(
        flattened(mapped(function + RETURN, "%x")),
        """
        CHECK: [[square]] = "arith.muli"(%n, %n) : (i32, i32) -> i32
        CHECK: [[all]] = "tt.splat"([[square]])
        CHECK: "arith.addi"(%x, [[all]])
        """,
    )


def test_a_loop_of_common_length_carries_tensors():
    function = """
      %v = "scf.for"(%n, %n, %n, %a) ({
      ^bb1(%i: i32, %w: i32):
        %s = "arith.addi"(%w, %i) : (i32, i32) -> i32
        "scf.yield"(%s) : (i32) -> ()
      }) : (i32, i32, i32, i32) -> i32
    """
    text = flattened(mapped(function + RETURN, "%x"))
    check(text, 'CHECK: "scf.for"(%n, %n, %n, %x)\nCHECK: "scf.yield"({{.*}}) : (tensor<64xi32>) -> ()')
    with pytest.raises(Unsupported, match="longer for some elements"):
        flattened(mapped(function.replace("%n, %n, %n, %a", "%n, %a, %n, %a") + RETURN, "%x"))


def test_a_pack_is_neighbours():
    check(
        flattened(mapped('"tt.map_elementwise.return"(%b, %a) : (i32, i32) -> ()\n', "%x", pack=2)),
        """
        CHECK: [[pairs]] = "tt.reshape"(%x) : (tensor<64xi32>) -> tensor<32x2xi32>
        CHECK: "tt.split"([[pairs]])
        CHECK: "tt.join"
        CHECK: "tt.reshape"({{.*}}) : (tensor<32x2xi32>) -> tensor<64xi32>
        """,
    )


def test_an_effect_for_some_elements_is_refused():
    store = '"tt.store"(%p, %b) : (!tt.ptr<i32>, i32) -> ()\n        %d ='
    with pytest.raises(Unsupported, match=r"tt\.store.*some of the elements"):
        flattened(mapped(IF.replace("%d =", store, 1) + RETURN))
