"""Estimates beside cortex, behaviour, force and the EMG they came from: read, compared, written in every format."""

from nwb_autolfads.evaluation.calls import (
    compare_with_behavior,
    compare_with_cortex,
    force_coherence,
    frequency_response,
)
from nwb_autolfads.evaluation.file import Comparison, compare_file
from nwb_autolfads.evaluation.formats import (
    check_outputs,
    score_rows,
    write_csv,
    write_netcdf,
    write_tables,
)

__all__ = [
    "Comparison",
    "check_outputs",
    "compare_file",
    "compare_with_behavior",
    "compare_with_cortex",
    "force_coherence",
    "frequency_response",
    "score_rows",
    "write_csv",
    "write_netcdf",
    "write_tables",
]
