"""Several recordings at a time, each in a process of its own: one that dies costs no other."""

from __future__ import annotations

import logging
import os
import signal
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import TypeVar

Item = TypeVar("Item")
Done = TypeVar("Done")

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def in_processes(
    work: Callable[[Item], Done], items: Sequence[Item], died: Callable[[Item, str], Done], jobs: int
) -> Iterator[tuple[int, Done]]:
    """Do work on items in several processes, and yield what each gave as it comes.

    The processors are shared out: each process computes with as many threads as there are processors for it. The
    processes are started afresh (spawn), as threads and accelerators do not survive a fork.

    Parameters
    ----------
    work : callable
        Of an item; must be known by name in a module, and its result must be picklable.
    items : sequence
        Picklable.
    died : callable
        Takes an item and how its process ended, and returns what is yielded in place of a result.
    jobs : int
        Processes at a time.

    Yields
    ------
    tuple of int and result
        The number of the item.
    """
    waiting = deque(enumerate(items))
    busy: dict[Connection, tuple[SpawnProcess, int]] = {}
    idle: list[tuple[SpawnProcess, Connection]] = []
    try:
        while waiting or busy:
            while waiting and len(busy) < jobs:
                process, connection = idle.pop() if idle else _started(work, threads_each(min(jobs, len(items))))
                number, item = waiting.popleft()
                busy[connection] = process, number
                with suppress(OSError):  # it died; its end is met below
                    connection.send(item)
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                process, number = busy.pop(ready)
                try:
                    yield number, ready.recv()
                    idle.append((process, ready))
                except (EOFError, OSError):
                    process.join()
                    yield number, died(items[number], _how_it_ended(process.exitcode))
    finally:
        for process, connection in [*idle, *((process, connection) for connection, (process, _) in busy.items())]:
            connection.close()
            process.terminate()
            process.join()


def threads_each(jobs: int) -> int:
    """Return with how many threads each of several processes computes, so that all use each processor once."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    most = int(given) if given.isdecimal() and int(given) else os.cpu_count() or 1
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(most, there // jobs))


def _started(work: Callable[[Item], Done], threads: int) -> tuple[SpawnProcess, Connection]:
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, work), name="nwb-autolfads")
    with _environment(dict.fromkeys(_THREADS, str(threads))):  # which numpy and torch read as they are imported
        process.start()
    there.close()
    return process, here


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _serve(connection: Connection, work: Callable[[Item], Done]) -> None:
    """Do what is sent until nothing more comes; stop, with all that is half-written removed, when told to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the first process tells the others
    signal.signal(signal.SIGTERM, _end)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    warnings.simplefilter("ignore")
    logging.lastResort = logging.NullHandler()
    with suppress(EOFError, OSError):
        while True:
            connection.send(work(connection.recv()))


def _end(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def _how_it_ended(code: int | None) -> str:
    if code == -signal.SIGKILL if hasattr(signal, "SIGKILL") else False:
        return "its process was killed; perhaps there was not enough memory: try fewer --jobs"
    how = f"by signal {-code}" if code is not None and code < 0 else f"with code {code}"
    return f"its process ended {how}"
