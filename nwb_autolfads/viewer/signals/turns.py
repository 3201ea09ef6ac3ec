"""Whose turn it is to read a file: one at a time, and what is looked at before what may be looked at later."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_PATIENCE_S = 0.05  # of the background before it reads one more piece all the same
_MOMENT_S = 0.002


class Turns:
    """A lock with two kinds of users; a ``with`` block of it is one that somebody waits for."""

    def __init__(self) -> None:
        self._reading, self._counting = Lock(), Lock()
        self._waiting = 0

    def __enter__(self) -> Turns:
        with self._counting:
            self._waiting += 1
        self._reading.acquire()
        return self

    def __exit__(self, *exc: object) -> None:
        self._reading.release()
        with self._counting:
            self._waiting -= 1

    @contextmanager
    def in_background(self) -> Iterator[None]:
        """Read when nobody waits, or has not for a while."""
        until = time.monotonic() + _PATIENCE_S
        while self._waiting and time.monotonic() < until:
            time.sleep(_MOMENT_S)
        with self._reading:
            yield
