"""Random sums of integers in tensors, as text of ttir, with numbers near the limits of i32."""

from __future__ import annotations

from hypothesis import strategies as st


def near_i32() -> st.SearchStrategy[int]:
    """Any i32, most of them small, or at the limits of i32 and of halves of it."""
    most = 2**31 - 1
    marks = st.sampled_from([0, most, -most - 1, most // 2, -(most // 2), most // 16])
    wrapped = st.builds(lambda mark, by: max(-most - 1, min(most, mark + by)), marks, st.integers(-70, 70))
    return wrapped | st.integers(-most - 1, most)


@st.composite
def tensors(draw: st.DrawFn, prefix: str, scalars: dict[str, str]) -> tuple[str, str, str]:
    """(lines, value, type): a tensor of 8 integers, a sum of scalars (names with types), ranges and constants. What it
    names begins with `prefix`."""
    type_ = draw(st.sampled_from(["i32", "i32", "i64"]))
    lines: list[str] = []

    def name() -> str:
        return f"%{prefix}{len(lines)}"

    def leaf(type_: str) -> str:
        kind = draw(st.sampled_from(["range", "scalar", "constant"]))
        tensor, made = f"tensor<8x{type_}>", name()
        if type_ == "i64" and (kind == "range" or draw(st.booleans())):
            inner = tree("i32", 1)
            made = name()
            lines.append(f"{made} = arith.extsi {inner} : tensor<8xi32> to tensor<8xi64>")
        elif kind == "range":
            start = draw(st.integers(0, 100))
            lines.append(f"{made} = tt.make_range {{end = {start + 8} : i32, start = {start} : i32}} : {tensor}")
        elif kind == "scalar":
            scalar = draw(st.sampled_from([s for s, t in scalars.items() if t == type_]))
            lines.append(f"{made} = tt.splat %{scalar} : {type_} -> {tensor}")
        else:
            value = draw(near_i32()) if type_ == "i32" else draw(st.integers(-(2**40), 2**40))
            lines.append(f"{made} = arith.constant dense<{value}> : {tensor}")
        return made

    def tree(type_: str, depth: int) -> str:
        if depth == 0 or draw(st.integers(0, 3)) == 0:
            return leaf(type_)
        op = draw(st.sampled_from(["addi", "subi", "muli"]))
        left = tree(type_, depth - 1)
        if op == "muli":
            right = name()
            lines.append(f"{right} = arith.constant dense<{draw(st.integers(-9, 9))}> : tensor<8x{type_}>")
        else:
            right = tree(type_, depth - 1)
        made = name()
        lines.append(f"{made} = arith.{op} {left}, {right} : tensor<8x{type_}>")
        return made

    value = tree(type_, 3)
    return "\n".join(lines), value, type_
