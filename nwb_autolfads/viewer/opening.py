"""A session that is being opened while the browser loads the page already: who needs it waits for it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition
from typing import TYPE_CHECKING

from nwb_autolfads.errors import NwbAutolfadsError

if TYPE_CHECKING:
    from nwb_autolfads.viewer.session import Session

SessionOf = Callable[[], "Session"]
"""Gives the session, as soon as it is open."""
_LAST_WORD_S = 1.0  # for the page to be told why there is no session


class Opening:
    """A session to come; call it to have it.

    Loading the libraries that read a file takes seconds, and so does a browser that starts: they do not wait for each
    other.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._session: Session | None = None
        self._error: NwbAutolfadsError | None = None
        self._waiting = 0

    def __call__(self) -> Session:
        """Wait until the session is open, and return it.

        Raises
        ------
        NwbAutolfadsError
            If it cannot be opened.
        """
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: self._session is not None or self._error is not None)
            self._waiting -= 1
            self._changed.notify_all()
            if self._session is None:
                assert self._error is not None
                raise self._error
            return self._session

    def succeed(self, session: Session) -> None:
        """Give the session to all who wait for it."""
        with self._changed:
            self._session = session
            self._changed.notify_all()

    def fail(self, error: NwbAutolfadsError) -> None:
        """Tell all who wait why there is none; return when they know."""
        with self._changed:
            self._error = error
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting, _LAST_WORD_S)
