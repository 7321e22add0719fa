"""Python's search for garbage, put off while IR is made and rewritten.

Ops, values and blocks refer to each other, and nearly all of a kernel's live until it is printed: the search would come
by them again and again, for a third of the time that compiling takes, and find next to nothing.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class _PutOff:
    """How many threads want no search, and whether there is to be one when none does."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.count = 0
        self.resumes = False

    def enter(self) -> None:
        with self.lock:
            if not self.count:
                self.resumes = gc.isenabled()
                gc.disable()
            self.count += 1

    def leave(self) -> None:
        with self.lock:
            self.count -= 1
            if not self.count and self.resumes:
                gc.enable()


_put_off = _PutOff()


@contextmanager
def without_collection() -> Iterator[None]:
    """No search for garbage in here, in whichever thread; after the last thread has left as it was before the first."""
    _put_off.enter()
    try:
        yield
    finally:
        _put_off.leave()
