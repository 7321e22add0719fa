"""From a Triton call to a device launch, in a few microseconds.

Triton hands over all parameters in declaration order, constexprs included, tuples nested, tensor descriptors whole.
What a kernel needs of them is worked out once, at its first launch, as a `Plan` of indices and a struct format; a
launch then only reads addresses, packs scalars and checks what costs nanoseconds to check.
"""

from __future__ import annotations

import functools
import operator
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from ... import config
from ...errors import InvalidArgument, OutOfResources
from ...kernel import Device, Executable, Extent, Kernel
from ...runtime.automatic import AutomaticDevice, AutomaticExecutable
from .arguments import ScalarPacker, Signature
from .buffers import PLAIN_TENSORS, RULES
from .errors import as_triton_has_it
from .quick import QuickLaunch, is_silent

GRID_LIMIT = 2**31 - 1
"""The most programs along one axis, as on every other Triton backend."""


class Launcher:
    """What Triton calls to launch one compiled kernel.

    It is made before the kernel is loaded, so a plan waits for the first launch, which brings the executable, or for
    `build_of`.
    """

    def __init__(self, source: Any, metadata: Any, device: Device | AutomaticDevice):
        self.signature = Signature.of(source)
        self.count = len(self.signature.types)
        self.device = device
        self.plans: dict[Device, Plan] = {}
        self.quick: QuickLaunch | None = None
        self._building = threading.Lock()
        self.plan_of: Callable[[Sequence[Any], Any], Plan]
        if isinstance(device, AutomaticDevice):
            self.plan_of = functools.partial(self._chosen_plan, device)
        else:
            self.plan_of = functools.partial(self._only_plan, device)

    def __call__(
        self,
        grid_x: int,
        grid_y: int,
        grid_z: int,
        stream: int,
        executable: Any,
        packed_metadata: Any,
        launch_metadata: Any,
        enter_hook: Callable[[Any], None] | None,
        exit_hook: Callable[[Any], None] | None,
        *arguments: Any,
    ) -> None:
        """Launch `grid_x * grid_y * grid_z` programs; an empty grid runs nothing.

        Raises InvalidArgument, KernelOutOfResources, and what the device raises; TypeError where arguments are missing
        or too many.
        """
        if len(arguments) != self.count:
            raise TypeError(self.signature.wrong_count(executable.kernel.title, len(arguments)))
        quick = self.quick if is_silent(enter_hook) and is_silent(exit_hook) else None
        if quick is not None and quick.launch(arguments, grid_x, grid_y, grid_z):
            return
        if enter_hook is not None:
            enter_hook(launch_metadata)
        self._launch((grid_x, grid_y, grid_z), executable, arguments)
        if exit_hook is not None:
            exit_hook(launch_metadata)

    def _launch(self, grid: tuple[int, int, int], executable: Any, arguments: Sequence[Any]) -> None:
        """A launch of any kind."""
        values = arguments if self.signature.is_flat else self.signature.flatten(arguments)
        plan = self.plan_of(values, executable)
        buffers = plan.buffers(values)
        scalars = plan.pack(values)
        grid = checked_grid(grid)
        if not all(grid):
            return
        extents = plan.extents(values) if plan.wants_extents else ()
        try:
            plan.launch(plan.executable, buffers, scalars, grid, extents)
        except OutOfResources as error:  # found by a framework that compiles at the first launch, or on the stack
            raise as_triton_has_it(error) from error

    def _only_plan(self, device: Device, values: Sequence[Any], executable: Executable) -> Plan:
        plan = Plan(self.signature, executable, device)
        self.quick = plan.quick
        self.plan_of = lambda values, executable: plan
        return plan

    def _chosen_plan(self, choice: AutomaticDevice, values: Sequence[Any], executable: AutomaticExecutable) -> Plan:
        """The plan for the device that takes these values, which the first that is an array decides."""
        pointer = next((each for i in self.signature.pointers if (each := values[i]) is not None), None)
        device = choice.device_for(pointer)
        plan = self.plans.get(device)
        return self._plan_on(device, executable) if plan is None else plan

    def _plan_on(self, device: Device, executable: AutomaticExecutable) -> Plan:
        """The plan for a device, on which the first thread that asks builds the kernel."""
        with self._building:
            plan = self.plans.get(device)
            if plan is None:
                plan = self.plans[device] = Plan(self.signature, load(device, executable.kernel), device)
                # Only the device of the CPU's memory packs launches, and quick launches have no other arrays.
                self.quick = self.quick or plan.quick
            return plan

    def build_of(self, array: Any, executable: Any) -> Callable[[], Any]:
        """What builds the kernel for the device that takes `array`, in any thread, as the first launch does otherwise.

        Raises when called what that launch would raise. The device is chosen here, so that all threads have the same.
        """
        if isinstance(self.device, AutomaticDevice):
            return functools.partial(self._plan_on, self.device.device_for(array), executable)
        return lambda: None  # it was built when it was loaded


def load(device: Device | AutomaticDevice, kernel: Kernel) -> Any:
    """The executable of a kernel. Raises KernelOutOfResources where the device's limits are exceeded."""
    start = time.perf_counter()
    try:
        executable = device.compile(kernel)
    except OutOfResources as error:
        raise as_triton_has_it(error) from error
    if config.DEBUG.value and not isinstance(device, AutomaticDevice):  # which builds at the first launch
        _report(kernel, f"loaded on {device.properties.name}", start)
    return executable


def _report(kernel: Kernel, event: str, start: float) -> None:
    print(f"{kernel.title}: {event} in {(time.perf_counter() - start) * 1e3:.3f} ms", file=sys.stderr)


def _reporting(device: Device) -> Callable[..., None]:
    """`device.launch` that waits for the launch and prints a line about it."""

    def launch(
        executable: Executable,
        buffers: Sequence[Any],
        scalars: bytes,
        grid: tuple[int, int, int],
        extents: Sequence[Extent] = (),
    ) -> None:
        start = time.perf_counter()
        device.launch(executable, buffers, scalars, grid, extents)
        device.synchronize()
        _report(executable.kernel, f"{' x '.join(map(str, grid))} programs on {device.properties.name}", start)

    return launch


class Plan:
    """Where a kernel's pointers and scalars are found in the values of a launch, and what launches it."""

    def __init__(self, signature: Signature, executable: Executable, device: Device):
        kernel = executable.kernel
        self.executable = executable
        self.launch = _reporting(device) if config.DEBUG.value else device.launch
        self.wants_extents = device.needs_extents or device.bounds != "0"
        rule_of = RULES[device.binds]
        self.rules = [rule_of(signature.leaf(argument), argument, device) for argument in kernel.buffers]
        self.fast = [(rule.index, rule.dtypes, rule) for rule in self.rules]
        self.buffers = self.addresses if device.binds == "addresses" else self.arrays
        self.pack = ScalarPacker([signature.leaf(argument) for argument in kernel.scalars], kernel)
        is_plain = signature.is_flat and not self.wants_extents and not config.DEBUG.value
        self.quick = QuickLaunch.of(executable, self.rules, self.pack) if is_plain else None

    def addresses(self, values: Sequence[Any]) -> list[int]:
        """The address of every buffer. The quick path is a plain tensor of a type that was accepted before."""
        addresses = []
        for index, dtypes, rule in self.fast:
            value = values[index]
            if value.__class__ in PLAIN_TENSORS and value.dtype in dtypes and value.is_cpu:
                addresses.append(value.data_ptr() or rule.bind(value))
            else:
                addresses.append(rule.bind(value))
        return addresses

    def arrays(self, values: Sequence[Any]) -> list[Any]:
        """Every buffer as the device takes it."""
        return [rule.bind(values[rule.index]) for rule in self.rules]

    def extents(self, values: Sequence[Any]) -> list[Extent]:
        """The memory around each buffer's address."""
        return [rule.extent(values[rule.index]) for rule in self.rules]


def checked_grid(grid: Sequence[Any]) -> tuple[int, int, int]:
    """The grid as ints. Raises InvalidArgument for what is not a whole number from 0 to the limit."""
    try:
        x, y, z = (operator.index(size) for size in grid)
    except TypeError as error:
        raise InvalidArgument(f"grid {tuple(grid)}: a grid is made of whole numbers") from error
    if min(x, y, z) < 0 or max(x, y, z) > GRID_LIMIT:
        raise InvalidArgument(f"grid {(x, y, z)}: each size must be from 0 to {GRID_LIMIT}")
    return x, y, z
