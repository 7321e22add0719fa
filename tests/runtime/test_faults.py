"""A stopped launch in the words of the kernel's author: each reason with its remedy, as far as there is one."""

from __future__ import annotations

import pytest

from triton_alloy.kernel import Argument, Kernel
from triton_alloy.msl_cpu import KernelFailure, OutOfStack
from triton_alloy.msl_cpu.errors import Fault
from triton_alloy.msl_cpu.launch.plan import ADDRESS, DEADLINE, DIVISION, FAILURES, STACK
from triton_alloy.runtime.faults import FIND, GUARD, NUMBERS, SHALLOW, explained_failure


def kernel(takes_addresses: bool = False) -> Kernel:
    arguments = (Argument("x_ptr", "buffer", "f32", 0),)
    return Kernel("k", "", arguments, 1, 0, "cpu", takes_addresses=takes_addresses)


def explained(failure: int, reason: str, kind: type[KernelFailure] = KernelFailure, **options: bool) -> KernelFailure:
    fault = Fault(failure, reason, "k", (1, 0, 0), 0, "", "", 0, 0, None, 0, 0)
    return explained_failure(kernel(**options), kind(reason, fault), [])


@pytest.mark.parametrize(
    ("failure", "remedy"),
    [(ADDRESS, FIND), (DIVISION, GUARD), (STACK, SHALLOW)],
)
def test_each_failure_names_program_reason_and_remedy(failure: int, remedy: str):
    error = explained(failure, FAILURES[failure])
    assert str(error) == f"kernel k, program (1, 0, 0): {FAILURES[failure]}\n    {remedy}"


def test_where_pointers_are_made_of_numbers_bounds_are_no_remedy():
    assert str(explained(ADDRESS, FAILURES[ADDRESS], takes_addresses=True)).endswith(f"\n    {NUMBERS}")


def test_a_deadline_says_its_remedy_itself():
    reason = "the kernel ran past its deadline of 1 s and was stopped; look for a loop that never ends"
    assert str(explained(DEADLINE, reason)) == f"kernel k, program (1, 0, 0): {reason}"


def test_the_class_of_the_error_stays():
    assert isinstance(explained(STACK, FAILURES[STACK], OutOfStack), OutOfStack)
