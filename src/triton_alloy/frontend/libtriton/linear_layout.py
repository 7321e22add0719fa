"""`libtriton.linear_layout.LinearLayout`: linear maps over F2 between named dimensions, as triton.tools offers them.

A dimension of size 2**n is n bits. A map is kept as one integer per input bit: the outputs' coordinates of that bit,
packed, the first output dimension in the lowest bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

from ...errors import Unsupported
from ...layout import Span, bits, combine

Bases = list[tuple[str, list[list[int]]]]


class LinearLayout:
    """ins: (name, bases as packed integers); outs: (name, size). Made by the static methods; the plain constructor
    gives the map between no dimensions."""

    def __init__(self, ins: Iterable[tuple[str, Sequence[int]]] = (), outs: Iterable[tuple[str, int]] = ()):
        self._ins = {name: tuple(bases) for name, bases in ins}
        self._outs = dict(outs)

    # ------------------------------------------------------------------------------------------------------- making
    @staticmethod
    def identity_1d(size: int, inDim: str, outDim: str) -> LinearLayout:
        """x -> x."""
        return LinearLayout.strided_1d(size, 1, inDim, outDim)

    @staticmethod
    def strided_1d(size: int, stride: int, inDim: str, outDim: str) -> LinearLayout:
        """x -> stride * x."""
        bases = [stride << bit for bit in range(bits(size))]
        return LinearLayout([(inDim, bases)], [(outDim, size * stride)])

    @staticmethod
    def zeros_1d(size: int, inDim: str, outDim: str, outDimSize: int = 1) -> LinearLayout:
        """x -> 0."""
        return LinearLayout([(inDim, [0] * bits(size))], [(outDim, outDimSize)])

    @staticmethod
    def from_bases(
        bases: Iterable[tuple[str, Sequence[Sequence[int]]]],
        out_dim_names: Sequence[str],
        out_dim_sizes: Sequence[int] | None = None,
        require_surjective: bool = True,
    ) -> LinearLayout:
        """From the coordinates of every input bit. Sizes not given are the least that hold the coordinates.

        Raises ValueError where the map should be surjective and is not.
        """
        bases = [(name, [list(each) for each in rows]) for name, rows in bases]
        if out_dim_sizes is None:
            columns = list(zip(*(row for _, rows in bases for row in rows), strict=True)) or [()] * len(out_dim_names)
            out_dim_sizes = [1 << max(column, default=0).bit_length() for column in columns]
        outs = list(zip(out_dim_names, out_dim_sizes, strict=True))
        made = LinearLayout(((name, [_pack(row, outs) for row in rows]) for name, rows in bases), outs)
        if require_surjective and not made.is_surjective():
            raise ValueError("Layout is expected to be surjective, i.e. every output can be reached")
        return made

    # ----------------------------------------------------------------------------------------------------- combining
    def compose(self, outer: LinearLayout) -> LinearLayout:
        """outer(self(x)). The outputs of this map are the inputs of `outer`, by name."""
        order = list(self._outs)
        if set(order) != set(outer._ins):
            raise ValueError(f"the outputs {order} are not the inputs {list(outer._ins)} of the outer layout")
        columns = [column for name in order for column in outer._columns(name, self._outs[name])]
        ins = ((name, [combine(columns, basis) for basis in bases]) for name, bases in self._ins.items())
        return LinearLayout(ins, outer._outs.items())

    def _columns(self, name: str, size: int) -> list[int]:
        """The bases of an input, of which a smaller map uses the first."""
        bases = self._ins[name]
        if bits(size) > len(bases):
            raise ValueError(f"dimension {name} has size {size}, the outer layout takes {1 << len(bases)}")
        return list(bases[: bits(size)])

    def invert_and_compose(self, outer: LinearLayout) -> LinearLayout:
        """The map C with outer(C(x)) = self(x), of the smallest coordinates. Raises ValueError where there is none."""
        if set(self._outs) != set(outer._outs):
            raise ValueError(f"the outputs {list(self._outs)} and {list(outer._outs)} differ")
        inner = self._with_outputs(outer._outs)
        span = Span(basis for bases in outer._ins.values() for basis in bases)
        ins = []
        for name, bases in inner._ins.items():
            solutions = [span.solve(basis) for basis in bases]
            if None in solutions:
                raise ValueError("the outer layout does not reach all that this layout does")
            ins.append((name, [each for each in solutions if each is not None]))
        return LinearLayout(ins, ((name, 1 << len(bases)) for name, bases in outer._ins.items()))

    def _with_outputs(self, outs: Mapping[str, int]) -> LinearLayout:
        """The same map with its outputs in another order, of other sizes that hold it."""
        wanted = list(outs.items())
        ins = []
        for name, bases in self._ins.items():
            rows = [dict(zip(self._outs, self._unpack(basis), strict=True)) for basis in bases]
            ins.append((name, [_pack([row[out] for out in outs], wanted) for row in rows]))
        return LinearLayout(ins, wanted)

    def invert(self) -> LinearLayout:
        """The inverse. Raises ValueError where the map is not a bijection."""
        if not self.is_invertible():
            raise ValueError("only an invertible layout has an inverse")
        return self.pseudoinvert()

    def pseudoinvert(self) -> LinearLayout:
        """For every output the smallest input that reaches it; the map must be surjective."""
        identity = LinearLayout()
        for name, size in self._outs.items():
            identity = identity * LinearLayout.identity_1d(size, name, name)
        return identity.invert_and_compose(self)

    def __mul__(self, other: LinearLayout) -> LinearLayout:
        """The first map in the low bits, the other in the high ones, of every dimension."""
        outs = [(name, self._outs.get(name, 1) * other._outs.get(name, 1)) for name in {**self._outs, **other._outs}]
        ins = []
        for name in {**self._ins, **other._ins}:
            low = [self._spread(basis, outs) for basis in self._ins.get(name, ())]
            high = [other._spread(basis, outs, self._outs) for basis in other._ins.get(name, ())]
            ins.append((name, low + high))
        return LinearLayout(ins, outs)

    def _spread(self, basis: int, outs: Sequence[tuple[str, int]], factors: Mapping[str, int] | None = None) -> int:
        """A basis for larger outputs, each coordinate times its factor."""
        row = dict(zip(self._outs, self._unpack(basis), strict=True))
        return _pack([row.get(name, 0) * (factors or {}).get(name, 1) for name, _ in outs], outs)

    # ----------------------------------------------------------------------------------------------------- questions
    def apply(self, inputs: Mapping[str, int]) -> dict[str, int]:
        """The outputs for inputs by name."""
        value = 0
        for name, bases in self._ins.items():
            value ^= combine(bases, inputs[name])
        return dict(zip(self._outs, self._unpack(value), strict=True))

    def _unpack(self, value: int) -> list[int]:
        coordinates = []
        for size in self._outs.values():
            coordinates.append(value & (size - 1))
            value >>= bits(size)
        return coordinates

    def _rank(self) -> int:
        return Span(basis for bases in self._ins.values() for basis in bases).rank

    def is_surjective(self) -> bool:
        """Whether every output can be reached."""
        return self._rank() == bits(math.prod(self._outs.values()))

    def is_injective(self) -> bool:
        """Whether different inputs have different outputs."""
        return self._rank() == sum(map(len, self._ins.values()))

    def is_invertible(self) -> bool:
        """Whether the map is a bijection."""
        return self.is_surjective() and self.is_injective()

    def get_in_dim_names(self) -> list[str]:
        """The names of the inputs."""
        return list(self._ins)

    def get_out_dim_names(self) -> list[str]:
        """The names of the outputs."""
        return list(self._outs)

    @property
    def bases(self) -> Bases:
        """For every input the coordinates of its bits."""
        return [(name, [self._unpack(basis) for basis in bases]) for name, bases in self._ins.items()]

    @property
    def out_dims(self) -> list[tuple[str, int]]:
        """Names and sizes of the outputs."""
        return list(self._outs.items())

    @property
    def num_in_dims(self) -> int:
        """The number of inputs."""
        return len(self._ins)

    @property
    def num_out_dims(self) -> int:
        """The number of outputs."""
        return len(self._outs)

    def get_matrix_view(self) -> list[list[int]]:
        """A row per output bit, a column per input bit."""
        columns = [basis for bases in self._ins.values() for basis in bases]
        return [[column >> bit & 1 for column in columns] for bit in range(bits(math.prod(self._outs.values())))]

    def get_shared_view(self, useHWPointOfView: bool) -> NoReturn:
        """A picture for Gluon."""
        raise Unsupported("LinearLayout.get_shared_view", "it draws the shared memory of other vendors' devices")

    def get_distributed_view(self, useHWPointOfView: bool) -> NoReturn:
        """A picture for Gluon."""
        raise Unsupported("LinearLayout.get_distributed_view", "it draws the registers of other vendors' devices")

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, LinearLayout)
        return same and (list(self._ins.items()), self.out_dims) == (list(other._ins.items()), other.out_dims)

    __hash__ = None  # pyright: ignore[reportAssignmentType]  # as libtriton's

    def __repr__(self) -> str:
        parts = ["\n"]
        for name, rows in self.bases:
            lines = [f"{name}={1 << bit} -> ({', '.join(map(str, row))})" for bit, row in enumerate(rows)]
            parts.append(f" - {(chr(10) + '   ').join(lines) if lines else f'{name} is a size 1 dimension'}\n")
        outs = ", ".join(f"{name} (size {size})" for name, size in self.out_dims)
        return f"{''.join(parts)}where out dims are: [{outs}]"


def _pack(row: Sequence[int], outs: Sequence[tuple[str, int]]) -> int:
    value, place = 0, 0
    for coordinate, (name, size) in zip(row, outs, strict=True):
        if not 0 <= coordinate < size:
            raise ValueError(f"coordinate {coordinate} lies outside dimension {name} of size {size}")
        value |= coordinate << place
        place += bits(size)
    return value
