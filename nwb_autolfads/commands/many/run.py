"""`run --out-dir`: many recordings, each by itself, into one folder with a table of all."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nwb_autolfads.commands.many.inputs import recordings, require_names_of_their_own
from nwb_autolfads.commands.many.item import Plan, do_one
from nwb_autolfads.commands.many.processes import in_processes
from nwb_autolfads.commands.many.row import COLUMNS, DONE, FAILED, KEPT, Row, time_of, write_csv
from nwb_autolfads.commands.prepare import Tell
from nwb_autolfads.commands.run import make_estimators
from nwb_autolfads.config import Source
from nwb_autolfads.errors import SourceError
from nwb_autolfads.estimators import registry
from nwb_autolfads.files.address import is_address
from nwb_autolfads.files.atomic import write_text
from nwb_autolfads.files.places import Output, check_outputs, make_folder

if TYPE_CHECKING:
    from nwb_autolfads.search.progress import ProgressCallback

TABLE, OVERVIEW = "overview.csv", "overview.html"


@dataclass(frozen=True)
class ManyResults:
    """What became of many recordings: a row of each, and the files with the table of all."""

    rows: tuple[Row, ...]
    table: Path
    overview: Path

    columns = COLUMNS

    @property
    def failed(self) -> tuple[Row, ...]:
        """Those that failed."""
        return tuple(row for row in self.rows if row.status == FAILED)

    def headline(self) -> str:
        """Say how many recordings came to what."""
        n = {status: sum(row.status == status for row in self.rows) for status in (DONE, KEPT, FAILED)}
        return f"{n[DONE]} done, {n[KEPT]} done before, {n[FAILED]} failed"

    def summary(self) -> dict[str, Any]:
        """Return it for a program, JSON-serialisable."""
        return {
            "recordings": [asdict(row) for row in self.rows],
            "failed": [row.recording for row in self.failed],
            "table": str(self.table),
            "overview": str(self.overview),
        }

    def require_all(self) -> None:
        """Raise SourceError, naming them, if recordings failed."""
        if self.failed:
            raise SourceError(
                f"{len(self.failed)} of {len(self.rows)} failed: {', '.join(row.recording for row in self.failed)}",
                way_out=f"{self.table} says why; the same command goes on with these",
            )


def run_many(
    given: Sequence[str],
    source: Source,
    plan: Plan,
    *,
    jobs: int = 1,
    tell: Tell,
    progress: ProgressCallback | None = None,
) -> ManyResults:
    """Estimate activation of many recordings, each by itself.

    What was done before with the same settings is left as it is; what fails does not stop the others. After each
    recording the table is written, so that a run that was killed can be looked at, and gone on with.

    Parameters
    ----------
    given : sequence of str
        See `nwb_autolfads.commands.many.inputs.recordings`.
    source : Source
        Where and how the EMG is in each of them; its ``file`` says nothing.
    plan : Plan
    jobs : int
        How many at a time.
    tell : callable
        Takes what became of each, line by line.
    progress : callable, optional
        Called while AutoLFADS trains, where that is one at a time.

    Returns
    -------
    ManyResults

    Raises
    ------
    NwbAutolfadsError
        If nothing can be run at all: a setting is wrong, the folder cannot be written, two results would have the
        same name.
    """
    make_estimators(registry.chosen(plan.options.estimator), plan.options, plan.settings)  # are the settings right?
    sources = [replace(source, file=file) for file in _without_results(recordings(given), plan, tell)]
    require_names_of_their_own([str(each.file) for each in sources])
    make_folder(plan.folder)
    table, overview = plan.folder / TABLE, plan.folder / OVERVIEW
    ours = plan.overwrite or plan.notes.is_dir()
    files = [str(each.file) for each in sources if not is_address(str(each.file))]
    check_outputs([Output(table, ours), Output(overview, ours)], files)
    make_folder(plan.notes)
    rows: dict[int, Row] = {}
    found = ManyResults((), table, overview)
    with closing(_each(sources, plan, jobs, progress)) as results:  # also processes end when this one is stopped
        for number, row in results:
            rows[number] = row
            tell(f"[{len(rows)}/{len(sources)}] {row.line()}")
            found = replace(found, rows=tuple(rows[at] for at in sorted(rows)))
            write_csv(found.rows, table, may_exist=True)
            _write_overview(found, len(sources))
    return found


def _each(
    sources: Sequence[Source], plan: Plan, jobs: int, progress: ProgressCallback | None
) -> Generator[tuple[int, Row]]:
    if jobs == 1:
        yield from enumerate(do_one(source, plan, progress) for source in sources)
    else:
        yield from in_processes(
            partial(do_one, plan=plan), sources, lambda source, how: Row(str(source.file), error=how), jobs
        )


def _without_results(given: Sequence[str], plan: Plan, tell: Tell) -> list[str]:
    """Leave out what this command makes of other recordings, which a pattern takes in the second time."""
    results = {plan.result_of(each).absolute() for each in given}
    kept = [each for each in given if is_address(each) or Path(each).absolute() not in results]
    for each in given:
        if each not in kept:
            tell(f"Left out {each}: it is a result of this command")
    return kept


def _write_overview(found: ManyResults, n_recordings: int) -> None:
    from nwb_autolfads.report.page import render_overview

    rows = [{**asdict(row), "quality": row.quality, "time": time_of(row.seconds)} for row in found.rows]
    page = render_overview(rows, headline=found.headline(), n_missing=n_recordings - len(rows))
    write_text(found.overview, page, may_exist=True)
