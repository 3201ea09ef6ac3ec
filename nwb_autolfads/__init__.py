"""Muscle activation from EMG in NWB files: AutoLFADS beside the estimators it must beat.

The public names are imported when first used, so that importing the package, and the command line's ``--help``, stay
instant.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

import nwb_autolfads.report
from nwb_autolfads.with_xarray import register as _register_accessor

if TYPE_CHECKING:
    from nwb_autolfads.bursts.epochs import cut_epochs
    from nwb_autolfads.bursts.find import find_onsets
    from nwb_autolfads.commands.python.calls import apply, inspect, report, run, run_many
    from nwb_autolfads.commands.python.result import Result
    from nwb_autolfads.emg.preprocess import preprocess
    from nwb_autolfads.emg.trials import cut_trials
    from nwb_autolfads.errors import (
        ConfigError,
        MissingFileError,
        NwbAutolfadsError,
        NwbAutolfadsWarning,
        OutputError,
        SignalError,
        SourceError,
        TrainingError,
    )
    from nwb_autolfads.estimators.amortized.estimator import AmortizedSmoother
    from nwb_autolfads.estimators.autolfads.estimator import AutoLFADS
    from nwb_autolfads.estimators.bayes.estimator import BayesianFilter
    from nwb_autolfads.estimators.lowpass import LowPass
    from nwb_autolfads.estimators.state_space.estimator import StateSpaceSmoother
    from nwb_autolfads.estimators.subspace import LowPassSubspace
    from nwb_autolfads.estimators.wiener import WienerSmoother
    from nwb_autolfads.evaluation import (
        compare_with_behavior,
        compare_with_cortex,
        force_coherence,
        frequency_response,
    )
    from nwb_autolfads.evaluation.held_out import score_held_out
    from nwb_autolfads.report.comparison_figures import (
        plot_comparison,
        plot_event_averages,
        plot_force_coherence,
        plot_frequency_response,
    )
    from nwb_autolfads.report.figures import plot_activation, plot_search
    from nwb_autolfads.report.training import plot_latents
    from nwb_autolfads.results.intervals import write_bursts
    from nwb_autolfads.results.read import read_activation
    from nwb_autolfads.results.write import write_activation
    from nwb_autolfads.simulate import simulate_session
    from nwb_autolfads.sources import open_emg
    from nwb_autolfads.sources.spikes.counts import count_spikes
    from nwb_autolfads.viewer.views import view

    __version__: str

_HOME = {
    "ConfigError": "nwb_autolfads.errors",
    "MissingFileError": "nwb_autolfads.errors",
    "NwbAutolfadsError": "nwb_autolfads.errors",
    "NwbAutolfadsWarning": "nwb_autolfads.errors",
    "OutputError": "nwb_autolfads.errors",
    "SignalError": "nwb_autolfads.errors",
    "SourceError": "nwb_autolfads.errors",
    "TrainingError": "nwb_autolfads.errors",
    "Result": "nwb_autolfads.commands.python.result",
    "run": "nwb_autolfads.commands.python.calls",
    "run_many": "nwb_autolfads.commands.python.calls",
    "apply": "nwb_autolfads.commands.python.calls",
    "inspect": "nwb_autolfads.commands.python.calls",
    "find_onsets": "nwb_autolfads.bursts.find",
    "cut_epochs": "nwb_autolfads.bursts.epochs",
    "write_bursts": "nwb_autolfads.results.intervals",
    "open_emg": "nwb_autolfads.sources",
    "preprocess": "nwb_autolfads.emg.preprocess",
    "cut_trials": "nwb_autolfads.emg.trials",
    "AmortizedSmoother": "nwb_autolfads.estimators.amortized.estimator",
    "AutoLFADS": "nwb_autolfads.estimators.autolfads.estimator",
    "LowPass": "nwb_autolfads.estimators.lowpass",
    "StateSpaceSmoother": "nwb_autolfads.estimators.state_space.estimator",
    "LowPassSubspace": "nwb_autolfads.estimators.subspace",
    "WienerSmoother": "nwb_autolfads.estimators.wiener",
    "BayesianFilter": "nwb_autolfads.estimators.bayes.estimator",
    "score_held_out": "nwb_autolfads.evaluation.held_out",
    "write_activation": "nwb_autolfads.results.write",
    "read_activation": "nwb_autolfads.results.read",
    "compare_with_cortex": "nwb_autolfads.evaluation",
    "compare_with_behavior": "nwb_autolfads.evaluation",
    "frequency_response": "nwb_autolfads.evaluation",
    "force_coherence": "nwb_autolfads.evaluation",
    "plot_activation": "nwb_autolfads.report.figures",
    "plot_search": "nwb_autolfads.report.figures",
    "plot_comparison": "nwb_autolfads.report.comparison_figures",
    "plot_event_averages": "nwb_autolfads.report.comparison_figures",
    "plot_force_coherence": "nwb_autolfads.report.comparison_figures",
    "plot_frequency_response": "nwb_autolfads.report.comparison_figures",
    "plot_latents": "nwb_autolfads.report.training",
    "simulate_session": "nwb_autolfads.simulate",
    "count_spikes": "nwb_autolfads.sources.spikes.counts",
    "view": "nwb_autolfads.viewer.views",
}

__all__ = [
    "AmortizedSmoother",
    "AutoLFADS",
    "BayesianFilter",
    "ConfigError",
    "LowPass",
    "LowPassSubspace",
    "MissingFileError",
    "NwbAutolfadsError",
    "NwbAutolfadsWarning",
    "OutputError",
    "Result",
    "SignalError",
    "SourceError",
    "StateSpaceSmoother",
    "TrainingError",
    "WienerSmoother",
    "__version__",
    "apply",
    "compare_with_behavior",
    "compare_with_cortex",
    "count_spikes",
    "cut_epochs",
    "cut_trials",
    "find_onsets",
    "force_coherence",
    "frequency_response",
    "inspect",
    "open_emg",
    "plot_activation",
    "plot_comparison",
    "plot_event_averages",
    "plot_force_coherence",
    "plot_frequency_response",
    "plot_latents",
    "plot_search",
    "preprocess",
    "read_activation",
    "report",
    "run",
    "run_many",
    "score_held_out",
    "simulate_session",
    "view",
    "write_activation",
    "write_bursts",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("nwb-autolfads")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({name for name in globals() if name.startswith("__")} | set(__all__))


class _Room(ModuleType):
    """The room `report`, which answers to the name of its command too: ``nal.report(file)`` writes the page."""

    def __call__(self, *given: Any, **named: Any) -> Any:
        return importlib.import_module("nwb_autolfads.commands.python.calls").report(*given, **named)


# Python keeps rooms as attributes of the package, so a function of this name would be lost at the first import of one.
nwb_autolfads.report.__class__ = _Room

_register_accessor()
