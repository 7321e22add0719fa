"""Putting off the search for garbage: nested, in threads, after errors, and where there is none anyway."""

import gc
from threading import Event, Thread

import pytest

from triton_alloy.ir.garbage import without_collection


@pytest.fixture(autouse=True)
def _searches():
    assert gc.isenabled()
    yield
    gc.enable()


def test_there_is_none_until_the_outermost_has_ended():
    with without_collection():
        with without_collection():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_error_ends_it():
    with pytest.raises(ValueError, match="wrong"), without_collection():
        raise ValueError("wrong")
    assert gc.isenabled()


def test_what_the_user_has_switched_off_stays_off():
    gc.disable()
    with without_collection():
        pass
    assert not gc.isenabled()


def test_it_lasts_until_the_last_thread_has_left():
    entered, leave = Event(), Event()

    def other():
        with without_collection():
            entered.set()
            leave.wait(10)

    thread = Thread(target=other)
    with without_collection():
        thread.start()
        assert entered.wait(10)
    assert not gc.isenabled()
    leave.set()
    thread.join()
    assert gc.isenabled()
