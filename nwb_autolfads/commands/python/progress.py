"""Progress of training: a bar on a terminal or in a notebook, else a line now and then, or nothing."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

if TYPE_CHECKING:
    from nwb_autolfads.search.progress import Progress, ProgressCallback

SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def training_progress(*, lines: bool = True) -> Iterator[ProgressCallback | None]:
    """Yield what shows the progress of training on stderr.

    Parameters
    ----------
    lines : bool
        Whether, where there is neither a terminal nor a notebook, lines are printed; else None is yielded there.
    """
    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    if not (console.is_terminal or console.is_jupyter):
        yield _Lines() if lines else None
        return
    columns = (
        TextColumn("training"),
        BarColumn(),
        TextColumn("epoch {task.completed}/{task.total}  {task.fields[scores]}", markup=False),
        TimeElapsedColumn(),
    )
    with RichProgress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None, scores="", visible=False)

        def show(progress: Progress) -> None:
            if progress.message:
                bar.console.print(progress.message)
            scores = _scores(progress)
            bar.update(task, completed=progress.epoch, total=progress.n_epochs, scores=scores, visible=True)

        yield show


class _Lines:
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
    left += f"; {progress.shards}" if progress.shards else ""
    if not progress.epoch:
        return f"no score yet{left}"
    return f"held-out NLL best {progress.best:.4f}, median {progress.median:.4f}{left}"
