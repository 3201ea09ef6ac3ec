"""Is an estimate right? Beside held-out EMG, truth, cortex, behaviour, force and spectra."""

from nwb_autolfads.evaluation.compare import Comparison, compare_file
from nwb_autolfads.evaluation.export import check_outputs, score_rows, write_csv, write_netcdf, write_tables
from nwb_autolfads.evaluation.scores.behavior import compare_with_behavior
from nwb_autolfads.evaluation.scores.cortex import compare_with_cortex
from nwb_autolfads.evaluation.scores.force import force_coherence
from nwb_autolfads.evaluation.scores.response import frequency_response
from nwb_autolfads.evaluation.scores.unseen import score_on_unseen

__all__ = [
    "Comparison",
    "check_outputs",
    "compare_file",
    "compare_with_behavior",
    "compare_with_cortex",
    "force_coherence",
    "frequency_response",
    "score_on_unseen",
    "score_rows",
    "write_csv",
    "write_netcdf",
    "write_tables",
]
