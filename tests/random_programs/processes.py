"""Items of work for several processes: one that dies is named by what it was doing, and another takes its place."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

_CONTEXT = multiprocessing.get_context("spawn")
"""Threads do not survive a fork."""


def in_processes(
    work: Callable[[int], list[str]], items: Iterable[int], processes: int
) -> Iterator[tuple[int, list[str]]]:
    """(item, what `work` found), as they are done; where the process ended, how.

    work: a function of a module. The processes end with the iteration.
    """
    waiting = iter(items)
    running: dict[Connection, tuple[BaseProcess, int]] = {}
    try:
        for _, item in zip(range(processes), waiting, strict=False):
            _send(running, *_start(work), item)
        while running:
            for connection in wait(list(running)):
                assert isinstance(connection, Connection)
                process, item = running.pop(connection)
                found = _received(connection)
                following = next(waiting, None)
                if following is not None:
                    _send(running, *((connection, process) if found is not None else _start(work)), following)
                if found is None or following is None:
                    connection.close()
                    process.join()
                yield item, [f"the process ended with status {process.exitcode}"] if found is None else found
    finally:
        for process, _ in running.values():
            process.kill()


def _start(work: Callable[[int], list[str]]) -> tuple[Connection, BaseProcess]:
    ours, theirs = _CONTEXT.Pipe()
    process = _CONTEXT.Process(target=_serve, args=(work, theirs), daemon=True)
    process.start()
    theirs.close()
    return ours, process


def _send(running: dict[Connection, tuple[BaseProcess, int]], connection: Connection, process: BaseProcess, item: int):
    connection.send(item)
    running[connection] = process, item


def _received(connection: Connection) -> list[str] | None:
    """None where the other side is gone."""
    try:
        return connection.recv()
    except (EOFError, ConnectionResetError):
        return None


def _serve(work: Callable[[int], list[str]], connection: Connection) -> None:
    """In a process of its own: work until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    while True:
        try:
            item = connection.recv()
        except EOFError:
            return
        connection.send(work(item))
