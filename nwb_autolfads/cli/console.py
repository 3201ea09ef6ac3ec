"""What the user sees: lines and tables on stdout, progress on stderr, JSON for programs."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console as RichConsole
from rich.table import Table

if TYPE_CHECKING:
    from nwb_autolfads.search.progress import ProgressCallback

TABLE_WIDTH = 120  # where there is no terminal to ask


class Console:
    """Speaks to a person, or to a program when ``as_json``; then all that is for a person goes to stderr.

    Names that come from files are shown as they are, except that control characters, which could move the cursor or
    hide text in a terminal, are replaced.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        lines = RichConsole(stderr=as_json, markup=False, emoji=False, highlight=False, soft_wrap=True)
        if not lines.is_terminal:
            lines.width = TABLE_WIDTH
        self._lines = lines

    def tell(self, line: str) -> None:
        """Print one line for a person."""
        self._lines.print(_printable(line))

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table for a person; the first column is text, the others align to the right when they are numbers."""
        rows = [[_printable(cell) for cell in row] for row in rows]
        table = Table(title=title or None, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
        for index, column in enumerate(columns):
            numeric = all(_is_number(row[index]) for row in rows)
            table.add_column(column, justify="right" if numeric and index else "left", overflow="fold")
        for row in rows:
            table.add_row(*row)
        self._lines.print(table)

    def result(self, values: dict[str, Any]) -> None:
        """Print a result for a program, if one asked for it."""
        if self.as_json:
            print(json.dumps(_plain(values), indent=2, allow_nan=False))

    def training(self) -> AbstractContextManager[ProgressCallback | None]:
        """Return a context whose value shows the progress of training: a bar on a terminal, else a line at times."""
        from nwb_autolfads.commands.python.progress import training_progress

        return training_progress()


def fail(message: str) -> None:
    """Print the one message of an error."""
    print(f"nwb-autolfads: {_printable(message)}", file=sys.stderr)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text in ("", "-")
    return True


def _plain(value: Any) -> Any:
    """JSON has no NaN: what is not finite becomes null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
