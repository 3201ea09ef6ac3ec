"""What the user sees: lines and tables on stdout, progress on stderr, JSON for programs."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console as RichConsole
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress
from rich.table import Table

if TYPE_CHECKING:
    from nwb_autolfads.search.progress import Progress, ProgressCallback

SECONDS_BETWEEN_LINES = 10.0
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
        self._progress = RichConsole(stderr=True, markup=False, emoji=False, highlight=False)

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

    @contextmanager
    def training(self) -> Iterator[ProgressCallback]:
        """Yield the callback that shows the progress of training: a bar on a terminal, else a line now and then."""
        if not self._progress.is_terminal:
            yield _PlainProgress()
            return
        columns = (
            TextColumn("training"),
            BarColumn(),
            TextColumn("epoch {task.completed}/{task.total}  {task.fields[scores]}", markup=False),
            TimeElapsedColumn(),
        )
        with RichProgress(*columns, console=self._progress, transient=True) as bar:
            task = bar.add_task("", total=None, scores="")

            def show(progress: Progress) -> None:
                if progress.message:
                    bar.console.print(progress.message)
                bar.update(task, completed=progress.epoch, total=progress.n_epochs, scores=_scores(progress))

            yield show


def fail(message: str) -> None:
    """Print the one message of an error."""
    print(f"nwb-autolfads: {_printable(message)}", file=sys.stderr)


class _PlainProgress:
    """A line on stderr every few seconds, and for every message and the last epoch."""

    def __init__(self) -> None:
        self._last = -math.inf

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.message:
            print(f"  {progress.message}", file=sys.stderr, flush=True)
        if now - self._last >= SECONDS_BETWEEN_LINES or progress.epoch == progress.n_epochs:
            self._last = now
            print(f"  epoch {progress.epoch}/{progress.n_epochs}: {_scores(progress)}", file=sys.stderr, flush=True)


def _scores(progress: Progress) -> str:
    left = f", about {progress.left_s:.0f} s left" if math.isfinite(progress.left_s) else ""
    if not progress.epoch:
        return f"no score yet{left}"
    return f"held-out NLL best {progress.best:.4f}, median {progress.median:.4f}{left}"


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
