"""Linear layouts: which register of which lane of which simdgroup holds which element of a tensor.

A tensor of Triton lives in the registers of all threads of a threadgroup. A thread is a lane (0..31) of a simdgroup
(0, 1, ...), and each has some registers, so an element's place has three indices, (register, lane, simdgroup). All
sizes are powers of two; hence the indices are bit strings, and every placement we need is *linear* over them:

    the coordinates of (r, l, s)  =  XOR of one basis for each bit that is 1 in r, l and s

One basis for each bit is the whole description. A 4x4 tensor over 2 registers, 4 lanes and 2 simdgroups may have

    registers  = ((0, 1),)              register 1 is one column right of register 0
    lanes      = ((0, 2), (1, 0))       lane bit 0 goes two columns right, lane bit 1 one row down
    simdgroups = ((2, 0),)              simdgroup 1 is two rows down

    and the places, written simdgroup.lane.register, are     0.0.0  0.0.1  0.1.0  0.1.1
                                                             0.2.0  0.2.1  0.3.0  0.3.1
                                                             1.0.0  1.0.1  1.1.0  1.1.1
                                                             1.2.0  1.2.1  1.3.0  1.3.1

Register 1 of lane 3 of simdgroup 1 holds (0,1) ^ (0,2) ^ (1,0) ^ (2,0) = (3, 3). What this buys:

- A zero basis means "this bit does not matter": the places that differ in it hold copies. A row maximum of the tensor
  above has lanes ((0,), (1,)): lanes 0 and 1 both hold row 0. Generally a bit whose basis is a sum of the bases before
  it is *free*; the places whose free bits are 0 hold every element exactly once, and such a place *owns* its element.
- Shape operations are operations on bases. A basis written as a row-major offset needs no shape (the coordinates of
  power-of-two sizes are bit fields of it), so reshape keeps the offsets as they are; transposition permutes the fields;
  a reduction erases one.
- Two layouts of one tensor differ by a matrix of bits, and its blocks say what a conversion needs: renaming registers,
  shuffling lanes, or threadgroup memory (conversion.py).
- The fragments of a matrix unit are layouts like any other (target.py), so what follows a dot needs no special case.

The idea and the word are those of Triton's LinearLayout.h and of "Linear Layouts: Robust Code Generation of Efficient
Tensor Computation Using F2" (arXiv 2505.23819).

Layouts are interned: equal ones are the same object. Every layout is surjective (each element has a place).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from math import prod
from typing import TYPE_CHECKING, ClassVar

from .errors import InvalidIR

if TYPE_CHECKING:
    import numpy as np

Basis = tuple[int, ...]


# ------------------------------------------------------------------------------------------------- algebra over bits
class Span:
    """The sums (XOR) of some vectors, which are integers; it remembers how each sum is made."""

    def __init__(self, vectors: Iterable[int] = ()):
        self._rows: dict[int, tuple[int, int]] = {}  # highest bit -> (vector, set of inputs it is the sum of)
        self.count = 0
        for vector in vectors:
            self.add(vector)

    def _reduce(self, vector: int) -> tuple[int, int]:
        inputs = 0
        while vector:
            row = self._rows.get(vector.bit_length())
            if row is None:
                break
            vector ^= row[0]
            inputs ^= row[1]
        return vector, inputs

    def add(self, vector: int) -> bool:
        """Add an input. Whether it is independent of those before it; if not, no sum will use it."""
        rest, inputs = self._reduce(vector)
        if rest:
            self._rows[rest.bit_length()] = (rest, inputs ^ (1 << self.count))
        self.count += 1
        return bool(rest)

    def __contains__(self, vector: int) -> bool:
        return not self._reduce(vector)[0]

    def solve(self, vector: int) -> int | None:
        """The inputs whose sum is `vector`, as a bit set, the earliest independent ones; None if there are none."""
        rest, inputs = self._reduce(vector)
        return None if rest else inputs

    @property
    def rank(self) -> int:
        return len(self._rows)


def combine(bases: Sequence[int], index: int) -> int:
    """The XOR of the bases whose bit is 1 in `index`: the linear map `bases` applied to `index`."""
    result = 0
    for bit, basis in enumerate(bases):
        if index >> bit & 1:
            result ^= basis
    return result


def tabulate(bases: Sequence[int]) -> list[int]:
    """`combine(bases, i)` for every i in 0 .. 2**len(bases) - 1."""
    table = [0]
    for basis in bases:
        table += [value ^ basis for value in table]
    return table


def bits(size: int) -> int:
    """log2 of a power of two."""
    return size.bit_length() - 1


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides in elements."""
    strides = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return tuple(reversed(strides))


def _independent(bases: Iterable[int]) -> list[int]:
    span = Span()
    return [basis for basis in bases if span.add(basis)]


# ------------------------------------------------------------------------------------------------------- the layout
class LinearLayout:
    """`shape`: the tensor's power-of-two sizes. `registers`, `lanes`, `simdgroups`: a basis for each bit of the index,
    lowest bit first; a basis has one offset for each dimension."""

    __slots__ = ("shape", "registers", "lanes", "simdgroups", "offsets", "_text", "__weakref__")
    shape: tuple[int, ...]
    registers: tuple[Basis, ...]
    lanes: tuple[Basis, ...]
    simdgroups: tuple[Basis, ...]
    offsets: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
    """The bases of registers, lanes and simdgroups as row-major offsets."""

    _pool: ClassVar[dict[tuple, LinearLayout]] = {}

    def __new__(
        cls,
        shape: Sequence[int],
        registers: Iterable[Sequence[int]] = (),
        lanes: Iterable[Sequence[int]] = (),
        simdgroups: Iterable[Sequence[int]] = (),
    ):
        shape = tuple(shape)
        for basis in (*(registers := list(registers)), *(lanes := list(lanes)), *(simdgroups := list(simdgroups))):
            if len(basis) != len(shape) or any(not 0 <= x < size for x, size in zip(basis, shape, strict=False)):
                raise InvalidIR(f"a layout's basis {list(basis)} does not fit the shape {list(shape)}")
        return cls.from_offsets(shape, *([_offset(b, shape) for b in part] for part in (registers, lanes, simdgroups)))

    @classmethod
    def from_offsets(
        cls, shape: Sequence[int], registers: Iterable[int], lanes: Iterable[int], simdgroups: Iterable[int]
    ) -> LinearLayout:
        """A layout by the row-major offsets of its bases."""
        key = (tuple(shape), tuple(registers), tuple(lanes), tuple(simdgroups))
        found = cls._pool.get(key)
        return found if found is not None else cls._create(key)

    @classmethod
    def _create(cls, key: tuple) -> LinearLayout:
        shape, *offsets = key
        if any(size < 1 or size & (size - 1) for size in shape):
            raise InvalidIR(f"a layout's sizes must be powers of two, not {list(shape)}")
        layout = object.__new__(cls)
        layout.shape, layout.offsets = shape, tuple(offsets)
        layout.registers, layout.lanes, layout.simdgroups = (
            tuple(_coordinates(offset, shape) for offset in part) for part in offsets
        )
        parts = zip(("register", "lane", "simdgroup"), layout.bases, strict=True)
        layout._text = "#linear<{" + ", ".join(f"{name} = {[list(b) for b in part]}" for name, part in parts) + "}>"
        if Span(basis for part in offsets for basis in part).rank != bits(prod(shape)):
            raise InvalidIR(f"{layout} does not reach every element of {list(shape)}")
        return cls._pool.setdefault(key, layout)

    def __reduce__(self):
        return LinearLayout, (self.shape, *self.bases)

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def bases(self) -> tuple[tuple[Basis, ...], tuple[Basis, ...], tuple[Basis, ...]]:
        return self.registers, self.lanes, self.simdgroups

    @property
    def register_count(self) -> int:
        return 1 << len(self.registers)

    @property
    def lane_count(self) -> int:
        return 1 << len(self.lanes)

    @property
    def simdgroup_count(self) -> int:
        return 1 << len(self.simdgroups)

    # ---------------------------------------------------------------------------------------------------- points
    def apply(self, register: int = 0, lane: int = 0, simdgroup: int = 0) -> tuple[int, ...]:
        """The coordinates of the element at a place."""
        return _coordinates(self.offset(register, lane, simdgroup), self.shape)

    def offset(self, register: int = 0, lane: int = 0, simdgroup: int = 0) -> int:
        """The row-major offset of the element at a place."""
        registers, lanes, simdgroups = self.offsets
        return combine(registers, register) ^ combine(lanes, lane) ^ combine(simdgroups, simdgroup)

    def registers_by_offset(self) -> dict[int, int]:
        """The row-major offset of each element of lane 0 of simdgroup 0, and the first register that holds it."""
        return {offset: register for register, offset in reversed([*enumerate(tabulate(self.offsets[0]))])}

    def offset_table(self) -> np.ndarray:
        """Row-major offsets, int64[simdgroup, lane, register]."""
        import numpy as np  # `import triton` reaches this file, where libtriton is ours, and must stay quick

        registers, lanes, simdgroups = (np.array(tabulate(part), dtype=np.int64) for part in self.offsets)
        return simdgroups[:, None, None] ^ lanes[None, :, None] ^ registers

    def table(self) -> np.ndarray:
        """Coordinates, int64[simdgroup, lane, register, dimension]."""
        import numpy as np

        return np.stack(np.unravel_index(self.offset_table(), self.shape), axis=-1)

    # ----------------------------------------------------------------------------------------------- replication
    def free_bits(self) -> tuple[int, int, int]:
        """The masks of the free bits of the register, lane and simdgroup index: those whose basis is a sum of bases
        before it, in that order. A place owns its element iff (register & m0) == (lane & m1) == (simdgroup & m2) == 0;
        every element has one owner."""
        span = Span()
        return tuple(  # type: ignore[return-value]
            sum(1 << bit for bit, basis in enumerate(part) if not span.add(basis)) for part in self.offsets
        )

    # ----------------------------------------------------------------------------------------------- shape algebra
    def extend(self, shape: Sequence[int]) -> LinearLayout:
        """A larger tensor, of which this is the layout of each slice: further registers hold what follows."""
        more = [
            _unit(axis, 1 << bit, self.rank)
            for axis, size in enumerate(shape)
            for bit in range(bits(self.shape[axis]), bits(size))
        ]
        return LinearLayout(shape, [*self.registers, *more], self.lanes, self.simdgroups)

    def expand_dims(self, axis: int) -> LinearLayout:
        """tensor<4x8> -> tensor<4x1x8> for axis 1."""
        return self.reshape((*self.shape[:axis], 1, *self.shape[axis:]))

    def remove(self, axis: int) -> LinearLayout:
        """Drop a dimension: the layout of a reduction's result, and of the operand of expand_dims. Registers that
        would be copies are dropped too; lanes and simdgroups become free."""
        shape = (*self.shape[:axis], *self.shape[axis + 1 :])
        return self.restrict(axis).reshape(shape)

    def restrict(self, *axes: int) -> LinearLayout:
        """The slice where the coordinates along `axes` are 0: the layout of the operand of a broadcast along them."""
        return self.clip([1 if axis in axes else size for axis, size in enumerate(self.shape)])

    def clip(self, shape: Sequence[int]) -> LinearLayout:
        """The layout of a tensor repeated along the dimensions where `shape` is smaller. Registers that would be copies
        are dropped; lanes and simdgroups become free."""
        parts = [
            [_offset([x & (size - 1) for x, size in zip(basis, shape, strict=True)], shape) for basis in part]
            for part in self.bases
        ]
        return LinearLayout.from_offsets(shape, _independent(parts[0]), *parts[1:])

    def reshape(self, shape: Sequence[int]) -> LinearLayout:
        """The same row-major order of elements in another shape of as many elements."""
        if prod(shape) != prod(self.shape):
            raise InvalidIR(f"cannot reshape {list(self.shape)} to {list(shape)}")
        return LinearLayout.from_offsets(shape, *self.offsets)

    def transpose(self, order: Sequence[int]) -> LinearLayout:
        """Dimension i of the result is dimension order[i] of this layout."""
        shape = [self.shape[axis] for axis in order]
        return LinearLayout(shape, *([[basis[axis] for axis in order] for basis in part] for part in self.bases))

    def transpose_inverse(self, order: Sequence[int]) -> LinearLayout:
        """The operand's layout, where this one is that of `transpose(order)`'s result."""
        return self.transpose([list(order).index(axis) for axis in range(self.rank)])

    def join(self) -> LinearLayout:
        """A new last dimension of size 2, held by register bit 0: result[2 * r + j] = operand_j[r]."""
        registers, lanes, simdgroups = ([offset << 1 for offset in part] for part in self.offsets)
        return LinearLayout.from_offsets((*self.shape, 2), [1, *registers], lanes, simdgroups)

    def cat(self) -> LinearLayout:
        """Twice as long along dimension 0, the halves told apart by the top register bit: result[j * R + r] =
        operand_j[r], for R registers of the operand."""
        registers, lanes, simdgroups = self.offsets
        shape = (2 * self.shape[0], *self.shape[1:])
        return LinearLayout.from_offsets(shape, [*registers, prod(self.shape)], lanes, simdgroups)

    def in_order(self, axis: int) -> LinearLayout:
        """The same registers, those first that hold consecutive elements along `axis`, the others as they were."""
        along = sorted(basis for basis in self.registers if _is_along(basis, axis))
        first = [basis for bit, basis in enumerate(along) if basis[axis] == 1 << bit]
        others = [basis for basis in self.registers if basis not in first]
        return LinearLayout(self.shape, [*first, *others], self.lanes, self.simdgroups)

    # ------------------------------------------------------------------------------------------- memory access facts
    def contiguous_registers(self, axis: int) -> int:
        """The largest V such that registers V*g .. V*g+V-1 hold V consecutive elements along `axis`, in order, the
        first at a multiple of V: the widest vector that a lane may load or store at once."""
        width = 1
        for index, basis in enumerate(self.registers):
            others = (*self.registers[index + 1 :], *self.lanes, *self.simdgroups)
            if basis != _unit(axis, width, self.rank) or any(b[axis] & (2 * width - 1) for b in others):
                break
            width *= 2
        return width

    def lanes_contiguous(self, axis: int) -> bool:
        """Whether, for every register, the lanes hold consecutive elements along `axis`, in order of the lane."""
        return self.lane_run(axis) == self.lane_count

    def lane_run(self, axis: int) -> int:
        """How many lanes in a row hold consecutive elements along `axis`, for every register: a power of two."""
        run = 1
        while run < self.lane_count and self.lanes[bits(run)] == _unit(axis, run, self.rank):
            run *= 2
        others = (*self.registers, *self.simdgroups, *self.lanes[bits(run) :])
        while any(basis[axis] & (run - 1) for basis in others):
            run //= 2
        return run

    def segments(self, axis: int, elements: int, vector: int = 1) -> int:
        """How many distinct aligned runs of `elements` (a power of two) consecutive elements along `axis` one access
        of a simdgroup touches, every lane accessing `vector` consecutive registers. Elements that differ in another
        coordinate are in different runs. Exact, as all accesses touch equally many."""
        keep = [~(elements - 1) if a == axis else -1 for a in range(self.rank)]
        touched = (*self.registers[: bits(vector)], *self.lanes)
        return 1 << Span(_offset([x & k for x, k in zip(b, keep, strict=True)], self.shape) for b in touched).rank


def _is_along(basis: Basis, axis: int) -> bool:
    return bool(basis[axis]) and not any(x for a, x in enumerate(basis) if a != axis)


def _unit(axis: int, size: int, rank: int) -> Basis:
    return tuple(size if a == axis else 0 for a in range(rank))


def _offset(coordinates: Sequence[int], shape: Sequence[int]) -> int:
    offset = 0
    for coordinate, size in zip(coordinates, shape, strict=True):
        offset = offset * size + coordinate
    return offset


def _coordinates(offset: int, shape: Sequence[int]) -> tuple[int, ...]:
    coordinates = []
    for size in reversed(shape):
        coordinates.append(offset & (size - 1))
        offset >>= bits(size)
    return tuple(reversed(coordinates))


# ------------------------------------------------------------------------------------------------------ construction
@cache
def blocked(shape: tuple[int, ...], order: tuple[int, ...], vector: int, lanes: int, simdgroups: int) -> LinearLayout:
    """The elements, counted with dimension order[0] fastest, dealt out as

        [vector registers of one lane][lanes][further registers][simdgroups]

    from the fastest to the slowest. What a tensor is too small for is left free: simdgroups first, then lanes."""
    rank = len(shape)
    elements = [_offset(_unit(axis, 1 << bit, rank), shape) for axis in order for bit in range(bits(shape[axis]))]
    head, rest = elements[: bits(vector)], elements[bits(vector) :]
    lane_bases, rest = rest[: bits(lanes)], rest[bits(lanes) :]
    kept = max(0, len(rest) - bits(simdgroups))
    simdgroup_bases = rest[kept:]
    return LinearLayout.from_offsets(
        shape,
        head + rest[:kept],
        lane_bases + [0] * (bits(lanes) - len(lane_bases)),
        simdgroup_bases + [0] * (bits(simdgroups) - len(simdgroup_bases)),
    )


@cache
def tiled(
    fragment: LinearLayout,
    shape: tuple[int, ...],
    simdgroups: tuple[int | None, ...],
    interleaved: tuple[tuple[int, int], ...] | None = None,
) -> LinearLayout:
    """A tile of `shape` made of fragments, which cover its last dimensions.

    Registers: those of a fragment are fastest, then the fragments in row-major order. `simdgroups` says for each bit of
    the simdgroup index which dimension it divides (None: none, it is free); a simdgroup owns a contiguous block of
    fragments along each dimension. Along a dimension smaller than the fragment lanes become free and registers are
    dropped; a simdgroup bit for which no whole fragment is left is free.

    `interleaved`: for each dimension (run, fragments), as powers of 2: so many fragments side by side take turns after
    a run of elements. With (1, 1) the first of two has the elements 0, 1, 4, 5, 8, ... and the second what is between:
    where a lane holds 2 elements of each, it has 4 consecutive ones of both."""
    rank, leading = len(shape), (0,) * (len(shape) - fragment.rank)
    covered = [bits(size) for size in (*(1 for _ in leading), *fragment.shape)]
    outer = [[_unit(a, 1 << bit, rank) for bit in range(covered[a], bits(shape[a]))] for a in range(rank)]
    divided = [outer[axis].pop() if axis is not None and outer[axis] else (0,) * rank for axis in reversed(simdgroups)]
    turns = [
        (run, min(wished, len(left)))
        for (run, wished), left in zip(interleaved or ((0, 0),) * rank, outer, strict=True)
    ]
    for axis, (run, turn) in enumerate(turns):
        outer[axis][:turn] = [_unit(axis, 1 << run + bit, rank) for bit in range(turn)]
    inside = [
        [tuple(map(_inside, leading + basis, shape, turns)) for basis in part]
        for part in (fragment.registers, fragment.lanes)
    ]
    registers = [basis for basis in inside[0] if any(basis)] + [b for a in reversed(range(rank)) for b in outer[a]]
    return LinearLayout(shape, registers, inside[1], reversed(divided))


def _inside(place: int, size: int, turns: tuple[int, int]) -> int:
    """Where a place of a fragment lies in a tile of that size."""
    run, turn = turns
    low = place & (1 << run) - 1
    return low | (place ^ low) << turn if place < size else 0


def doubling_runs(weights: Sequence[int]) -> list[tuple[int, int, int]]:
    """(first bit, bits, weight) of the maximal runs of weights that double from bit to bit; none has a weight of 0."""
    runs: list[tuple[int, int, int]] = []
    for bit, weight in enumerate(weights):
        if runs and sum(runs[-1][:2]) == bit and weight == runs[-1][2] << runs[-1][1] and weight:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1, runs[-1][2])
        elif weight:
            runs.append((bit, 1, weight))
    return runs
