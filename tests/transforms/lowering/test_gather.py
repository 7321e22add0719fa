"""Gathers and histograms in register form."""

from tests.support.filecheck import check
from tests.support.lowering import lowered, store_range


def gathered(source: str, index: str = "%i") -> str:
    body = store_range("@LINE", 64) + (
        f"{source}\n"
        f'%g = "tt.gather"(%s, {index}) <{{axis = 0 : i32}}> : (tensor<64xi32, @PAIR>, tensor<64xi32, @LINE>) -> '
        "tensor<64xi32, @LINE>\n"
        '"tt.store"(%p, %g) : (tensor<64x!tt.ptr<i32>, @LINE>, tensor<64xi32, @LINE>) -> ()'
    )
    return lowered("%x: !tt.ptr<i32>", body)


RANGE = '%s = "tt.make_range"() <{end = 64 : i32, start = 0 : i32}> : () -> tensor<64xi32, @PAIR>'


def test_the_source_is_staged_in_its_layout_and_read_at_the_indices():
    check(
        gathered(RANGE),
        """
        CHECK: [[index]] = "arith.addi"
        CHECK: [[buffer]] = "msl.shared_alloc"() : () -> !msl.shared<64xi32>
        CHECK: "msl.shared_store"([[buffer]], [[place]], [[place]])
        CHECK: [[result]] = "msl.shared_load"([[buffer]], [[index]]) : {{.*}} -> !msl.reg<2xi32>
        CHECK: "msl.store"(%x, {{.*}}, [[result]])
        """,
    )


def test_of_equal_elements_any_is_the_one():
    splat = '%s = "arith.constant"() <{value = dense<7> : tensor<64xi32, @PAIR>}> : () -> tensor<64xi32, @PAIR>'
    assert "shared" not in gathered(splat)


def counted(values: str, mask: str = "") -> str:
    types = ["tensor<64xi32, @LINE>"] + ["tensor<64xi1, @LINE>"] * bool(mask)
    body = store_range("@COLUMNS", 32) + (
        f"{values}\n"
        f'%h = "tt.histogram"(%v{mask}) : ({", ".join(types)}) -> tensor<32xi32, @COLUMNS>\n'
        '"tt.store"(%p, %h) : (tensor<32x!tt.ptr<i32>, @COLUMNS>, tensor<32xi32, @COLUMNS>) -> ()'
    )
    return lowered("%x: !tt.ptr<i32>", body)


def test_a_histogram_starts_at_zero_and_adds_up_under_a_mask():
    values = (
        '%v = "tt.make_range"() <{end = 64 : i32, start = 0 : i32}> : () -> tensor<64xi32, @LINE>\n'
        '%m = "arith.cmpi"(%v, %v) <{predicate = 2 : i64}> : (tensor<64xi32, @LINE>, tensor<64xi32, @LINE>) -> '
        "tensor<64xi1, @LINE>"
    )
    check(
        counted(values, ", %m"),
        """
        CHECK: [[zero]] = "arith.constant"() <{value = 0 : i32}>
        CHECK: [[wanted]] = "arith.cmpi"({{.*}}) <{predicate = 2
        CHECK: [[buffer]] = "msl.shared_alloc"() : () -> !msl.shared<32xi32>
        CHECK: "msl.shared_store"([[buffer]], {{.*}}, [[zero]])
        CHECK: [[inside]] = "arith.cmpi"({{.*}}) <{predicate = 6
        CHECK: [[mask]] = "arith.andi"([[wanted]], [[inside]])
        CHECK: "msl.shared_add"([[buffer]], {{.*}}, {{.*}}, [[mask]]) : (!msl.shared<32xi32>, !msl.reg<2xi32>, i32,
        CHECK: "msl.shared_load"([[buffer]]
        """,
    )


def test_equal_elements_are_counted_one_by_one():
    values = '%v = "arith.constant"() <{value = dense<7> : tensor<64xi32, @LINE>}> : () -> tensor<64xi32, @LINE>'
    check(counted(values), 'CHECK: "msl.shared_add"({{.*}}) : (!msl.shared<32xi32>, !msl.reg<2xi32>, i32,')


def test_a_constant_of_several_values_is_a_table():
    body = store_range("@PAIR", 64) + (
        '%c = "arith.constant"() <{value = dense<['
        + ", ".join(str(i * i) for i in range(64))
        + "]> : tensor<64xi32, @PAIR>}> : () -> tensor<64xi32, @PAIR>\n"
        '"tt.store"(%p, %c) : (tensor<64x!tt.ptr<i32>, @PAIR>, tensor<64xi32, @PAIR>) -> ()'
    )
    text = lowered("%x: !tt.ptr<i32>", body, simdgroups=4)
    assert text.count('"msl.shared_store"') == 64
    check(
        text,
        """
        CHECK: [[place]] = "arith.addi"
        CHECK: [[buffer]] = "msl.shared_alloc"() : () -> !msl.shared<64xi32>
        CHECK: [[one]] = "arith.constant"() <{value = 9 : i32}>
        CHECK: "msl.shared_store"([[buffer]], {{.*}}, [[one]], {{.*}}) : (!msl.shared<64xi32>, i32, i32, i1) -> ()
        CHECK: "msl.shared_load"([[buffer]], [[place]])
        """,
    )
