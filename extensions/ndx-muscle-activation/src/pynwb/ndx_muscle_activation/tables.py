"""The tables: which muscles were recorded, the states from which a model starts, and scores of estimates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from hdmf.common import DynamicTable, DynamicTableRegion, VectorData, VectorIndex
from hdmf.container import AbstractContainer
from hdmf.utils import AllowPositional, docval, get_docval, popargs
from pynwb import register_class

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

NAMESPACE = "ndx-muscle-activation"


def values_per_row(column: VectorData) -> np.ndarray:
    """Return one value per row of a column: rows of another table as text, objects as their object ids.

    Parameters
    ----------
    column : VectorData
        A column of one value per row; or of rows of another table, which may be several for each row.

    Returns
    -------
    ndarray, shape (row,)
    """
    target = column.target if isinstance(column, VectorIndex) else column
    if isinstance(target, DynamicTableRegion):
        rows = np.asarray(target.data[:])
        parts = np.split(rows, np.asarray(column.data[:-1], int)) if target is not column else rows[:, None]
        return np.array([" ".join(str(int(row)) for row in part) for part in parts], dtype=object)
    values = column.data[:]
    return np.asarray([each.object_id if isinstance(each, AbstractContainer) else each for each in values])


@register_class("MusclesTable", NAMESPACE)
class MusclesTable(DynamicTable):
    """The muscles that were recorded, one row each; only ``muscle_name`` is required.

    Figures of signal quality, or anything else that is known per muscle, can be added as further columns.
    """

    __columns__ = (
        {"name": "muscle_name", "description": "Short name of the muscle.", "required": True},
        {"name": "full_name", "description": "Anatomical name of the muscle."},
        {"name": "side", "description": "Side of the body: 'left', 'right', or '' where it is not known."},
        {"name": "placement", "description": "Where on or in the muscle the electrodes are; '' where it is not known."},
        {"name": "source_channel", "description": "Channel of the recording in which the muscle was found."},
        {"name": "electrodes", "description": "The electrodes of the muscle.", "table": True, "index": True},
        {"name": "source_series", "description": "The series that holds the recording of the muscle."},
        {"name": "unit", "description": "Unit of the recording, in which the scale is given."},
        {"name": "scale", "description": "Activation multiplied by this number is in the unit of the recording."},
        {"name": "usable", "description": "Whether the recording of the muscle passed quality control."},
    )


@register_class("InitialConditionsTable", NAMESPACE)
class InitialConditionsTable(DynamicTable):
    """The state from which a dynamical model starts in each window of a recording, one row per window."""

    __columns__ = (
        {"name": "window_start", "description": "Start of the window (s).", "required": True},
        {"name": "initial_condition", "description": "State at the start of the window.", "required": True},
    )


@register_class("ActivationComparisonTable", NAMESPACE)
class ActivationComparisonTable(DynamicTable):
    """How well estimates agree with something else, one row per score; arguments are keyword-only.

    ``estimator``, ``score_name`` and ``score`` are required. What a score does not depend on is left open in its row:
    ``muscle`` and ``target`` are then ``''``, ``fold`` is -1 and ``lag`` is NaN.
    """

    __fields__ = ("software", "software_version", "configuration")
    __columns__ = (
        {"name": "estimator", "description": "Name of the estimate that was scored.", "required": True},
        {"name": "estimate", "description": "The estimate that was scored, in the same file."},
        {"name": "score_name", "description": "What was computed, e.g. 'r2'.", "required": True},
        {"name": "score", "description": "The value; NaN where it could not be computed.", "required": True},
        {"name": "unit", "description": "Unit of the value; '' where it has none."},
        {"name": "n", "description": "Number of samples behind the score; -1 where it is not known."},
        {"name": "muscle", "description": "The muscle that was scored; '' where all were scored together."},
        {"name": "target", "description": "What the muscle was compared with; '' where there is only one thing."},
        {"name": "fold", "description": "Number of the part that was held out; -1 where the score is of all parts."},
        {"name": "lag", "description": "Delay (s) of the estimate behind the target; NaN where it was not moved."},
    )

    @docval(
        *get_docval(DynamicTable.__init__),
        {"name": "software", "type": str, "doc": "Name of the program that made the comparison.", "default": None},
        {"name": "software_version", "type": str, "doc": "Version of that program.", "default": None},
        {"name": "configuration", "type": str, "doc": "All settings, as a JSON object.", "default": None},
        allow_positional=AllowPositional.ERROR,
    )
    def __init__(self, **kwargs: Any) -> None:
        given = [column.name for column in kwargs["columns"] or ()]
        missing = [name for name in ("estimator", "score_name", "score") if given and name not in given]
        if missing:
            raise ValueError(
                f"ActivationComparisonTable '{kwargs['name']}': the columns {', '.join(missing)} are missing. "
                "Every row needs the name of an estimate, the name of a score, and its value."
            )
        described = popargs("software", "software_version", "configuration", kwargs)
        super().__init__(**kwargs)
        self.software, self.software_version, self.configuration = described

    def to_xarray(self) -> xr.Dataset:
        """Return one variable per score, over the dimensions it depends on; needs xarray.

        Returns
        -------
        Dataset
            Named like the scores, over ``estimator`` and those of ``muscle``, ``target``, ``fold`` and ``lag`` (s)
            that are not left open; NaN where there is no row. ``<score>_n`` is the number of samples behind each
            value, where it is known. Attrs: ``config``, ``version``; ``units`` of a score.

        Raises
        ------
        ValueError
            If two rows give the same score of the same thing.
        """
        import xarray as xr

        rows = self.to_dataframe()
        scores = [self._one_score(name, rows[rows["score_name"] == name]) for name in rows["score_name"].unique()]
        attrs = {"config": self.configuration, "version": self.software_version}
        found = xr.merge(scores, join="outer", combine_attrs="drop_conflicts")
        return found.assign_attrs({key: value for key, value in attrs.items() if value is not None})

    def _one_score(self, name: str, rows: pd.DataFrame) -> xr.Dataset:
        open_value = {"muscle": "", "target": "", "fold": -1}
        dims = ["estimator"]
        for dim, left_open in open_value.items():
            if dim in rows and (rows[dim] != left_open).any():
                dims.append(dim)
        if "lag" in rows and rows["lag"].notna().any():
            dims.append("lag")
        table = rows.set_index(dims)
        if table.index.has_duplicates:
            twice = rows[table.index.duplicated()].iloc[0]
            raise ValueError(
                f"ActivationComparisonTable '{self.name}': two rows give {name!r} for "
                f"{', '.join(f'{dim} {twice[dim]}' for dim in dims)}. "
                "Tell them apart by muscle, target, fold or lag."
            )
        columns = {"score": name}
        if "n" in rows and (rows["n"] >= 0).any():
            columns["n"] = f"{name}_n"
        # Rows keep the order in which they were written; a table of all combinations would sort them.
        found = table[list(columns)].to_xarray().rename(columns)
        found = found.reindex({dim: rows[dim].unique() for dim in dims})
        if "unit" in rows and rows["unit"].iloc[0]:
            found[name].attrs["units"] = str(rows["unit"].iloc[0])
        return found
