"""What a score is: what it reads of a file, how it is computed, and the table that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import xarray as xr

from nwb_autolfads.evaluation.session import Session
from nwb_autolfads.evaluation.tables import PAIR_COLUMNS, Row, pair_rows


@dataclass(frozen=True)
class Table:
    """A table of text: what stands over it, its columns, its rows."""

    title: str
    columns: Row
    rows: list[Row]


@dataclass(frozen=True)
class Ranking:
    """The variable of a score that ranks estimates by one target for all of them.

    Attributes
    ----------
    variable : str
        ``(estimator, item)``, higher is better.
    tests : str
        Prefix of its tests between pairs of estimators.
    claim : str
        What a higher one says of an estimate: "predicts behaviour".
    """

    variable: str
    tests: str
    claim: str


@dataclass(frozen=True)
class Score:
    """One way to judge estimates by what else a file holds: all that the package knows of it.

    Attributes
    ----------
    key : str
        Its name in the CSV, of the netCDF file and in JSON; with ``_comparison``, of the table in the NWB file.
    compare : callable
        Reads what it needs of a session and returns the scores: variables over ``estimator`` and other dimensions,
        attr ``config`` (JSON), and where it has them ``notes``, ``excluded_units``, ``excluded_muscles`` and
        ``excluded_targets`` (JSON). Raises SourceError where the file does not hold it, SignalError where it cannot
        be compared.
    title, columns, rows
        Of its table: the title on the command line, and the rows of text that the scores give.
    asked_by : str
        Field of `Asked` that names its source in the file; what was named must be there.
    description : str
        Of the table in the NWB file; empty where none is written.
    further : callable, optional
        Gives a table that is shown after the first: what does not rank estimates, and must not stand beside what does.
    pairs : mapping of str to str
        What was tested between pairs of estimators, by the prefix of these tests.
    ranking : Ranking, optional
        By what the verdict ranks estimates.
    contents, heading, explanation, table_explanation, further_explanation : str
        On the report page: in the list of contents, over the section, how to read it (``{...}`` stands for an attr of
        the scores), what the columns of a long table say, and how to read the further one.
    """

    key: str
    compare: Callable[[Session], xr.Dataset]
    title: str
    columns: Row
    rows: Callable[[xr.Dataset], list[Row]]
    contents: str
    heading: str
    explanation: str
    table_explanation: str = ""
    further_explanation: str = ""
    asked_by: str = ""
    description: str = ""
    further: Callable[[xr.Dataset], Table] | None = None
    pairs: Mapping[str, str] = field(default_factory=dict)
    ranking: Ranking | None = None

    def table(self, scores: xr.Dataset) -> Table:
        """Return the scores as a table."""
        return Table(self.title, self.columns, self.rows(scores))

    def pair_tables(self, scores: xr.Dataset) -> Iterator[Table]:
        """Yield a table of the differences between estimators for each thing that was tested."""
        for prefix, what in self.pairs.items():
            if rows := pair_rows(scores, prefix):
                yield Table(what, PAIR_COLUMNS, rows)

    def explained(self, scores: xr.Dataset) -> str:
        """Return how to read these scores, for the report page."""
        return self.explanation.format_map(scores.attrs)
