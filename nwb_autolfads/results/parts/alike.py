"""Whether two tables say the same, so that one of them is enough."""

from __future__ import annotations

from typing import Any

import numpy as np
from hdmf.common import DynamicTable, VectorData, VectorIndex
from hdmf.container import AbstractContainer

from nwb_autolfads.results.inside import as_text


def same_table(one: DynamicTable, other: DynamicTable) -> bool:
    """Return whether two tables have the same columns with the same values; names of the tables do not count.

    Parameters
    ----------
    one, other : DynamicTable

    Returns
    -------
    bool
    """
    if set(one.colnames) != set(other.colnames) or len(one) != len(other):
        return False
    return all(_same_column(one[column], other[column]) for column in one.colnames)


def _same_column(one: VectorData, other: VectorData) -> bool:
    if isinstance(one, VectorIndex) and isinstance(other, VectorIndex):
        return _same_values(one.data[:], other.data[:]) and _same_column(one.target, other.target)
    return type(one) is type(other) and _same_values(one.data[:], other.data[:])


def _same_values(one: Any, other: Any) -> bool:
    first, second = np.asarray(one), np.asarray(other)
    if first.dtype.kind in "OUST" or second.dtype.kind in "OUST":
        return [_shown(value) for value in first] == [_shown(value) for value in second]
    return np.array_equal(first, second, equal_nan=first.dtype.kind == "f")


def _shown(value: Any) -> str:
    return value.object_id if isinstance(value, AbstractContainer) else as_text(value)
