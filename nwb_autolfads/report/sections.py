"""The sections of the page, one entry each: what it shows of what the page is given, and which template writes it."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from nwb_autolfads.errors import SignalError
from nwb_autolfads.estimators.registry import entry_of
from nwb_autolfads.evaluation import registry
from nwb_autolfads.evaluation.score import Score
from nwb_autolfads.palette import display_unit
from nwb_autolfads.report import recording, training
from nwb_autolfads.report.comparison_figures import (
    plot_comparison,
    plot_event_averages,
    plot_force_coherence,
    plot_frequency_response,
)
from nwb_autolfads.report.content import Page
from nwb_autolfads.report.figures import data_uri, plot_activation, plot_scores, with_band
from nwb_autolfads.report.unit_figure import plot_units
from nwb_autolfads.report.verdict import judge
from nwb_autolfads.report.zoom import zoom_lines

MOST_BEHAVIOR_TARGETS, MOST_FORCE_TARGETS = 60, 12  # beyond, a picture of all is not readable: the table is enough
MOST_OPEN_ROWS = 12  # of a table that is shown beside its picture

CITATIONS = (
    "Wimalasena et al. 2022, Estimating muscle activation from EMG using deep learning-based dynamical systems "
    "models, J Neural Eng 19 036013, doi 10.1088/1741-2552/ac6369",
    "Keshtkaran et al. 2022, A large-scale neural network training framework for generalized estimation of "
    "single-trial population dynamics, Nat Methods 19 1572-1577, doi 10.1038/s41592-022-01675-0",
    "Pandarinath et al. 2018, Inferring single-trial neural population dynamics using sequential auto-encoders, "
    "Nat Methods 15 805-815, doi 10.1038/s41592-018-0109-9",
)

Shown = dict[str, Any]
"""What a template writes: ``heading`` and whatever else it asks for."""


@dataclass(frozen=True)
class Section:
    """One section of the page.

    Attributes
    ----------
    key : str
        Its anchor.
    template : str
        The macro of ``templates/sections.html.j2`` that writes it.
    show : callable
        Returns what it shows of a page: one or several dicts with a ``heading`` each; none, and it is left out.
    contents : str
        What it is called in the list of contents; empty, and it is not in there.
    level : int
        Of its heading.
    folded : bool
        Whether only its heading is shown until the reader opens it.
    """

    key: str
    template: str
    show: Callable[[Page], list[Shown]]
    contents: str = ""
    level: int = 2
    folded: bool = False


def sections() -> list[Section]:
    """Return the sections in their order; those of scores follow from the registry of scores."""
    scores = [Section(score.key, "score", _show_score(score), score.contents) for score in registry.SCORES]
    return [*_BEFORE_SCORES, *scores, *_AFTER_SCORES]


def _trust(page: Page) -> list[Shown]:
    verdict = judge(page.estimates, emg=page.emg, comparisons=page.compared, missing=page.missing, truth=page.scores)
    return [{"heading": "Can it be trusted?", "verdict": verdict}]


def _read(page: Page) -> list[Shown]:
    usable = page.first["usable"].values if "usable" in page.first.coords else np.ones(page.first.sizes["muscle"])
    return [
        {
            "heading": "What was read and assumed",
            "origin": recording.origin_of(page.first),
            "duration": recording.recorded_seconds(page.first),
            "rate": page.first.attrs.get("rate"),
            "n_muscles": page.first.sizes["muscle"],
            "n_usable": int(np.count_nonzero(usable)),
            "assumptions": page.assumptions,
        }
    ]


def _quality(page: Page) -> list[Shown]:
    quality, signals = page.quality, page.signals
    return [
        {
            "heading": "Quality of each muscle",
            "muscles": recording.muscle_rows(page.first, quality),
            "unit": display_unit(str(page.first.attrs.get("unit", "")))[1],
            "picture": "" if quality is None or signals is None else data_uri(recording.plot_quality(quality, signals)),
        }
    ]


def _preprocessing(page: Page) -> list[Shown]:
    steps = json.loads(page.first.attrs.get("preprocessing", "[]"))
    return [{"heading": "Preprocessing", "steps": [recording.described_step(step) for step in steps]}] if steps else []


def _estimates(page: Page) -> list[Shown]:
    pictures = [
        data_uri(
            plot_activation(
                page.estimates, emg=page.emg, truth=page.truth, start=start, stop=stop, colours=page.colours
            )
        )
        for start, stop in (page.busiest, page.random)
    ]
    return [
        {
            "heading": "EMG and estimates",
            "emg_note": page.emg_note,
            "busiest": page.busiest,
            "busiest_picture": pictures[0],
            "random": page.random,
            "random_picture": pictures[1],
            "uncertain": with_band(page.estimates),
            "zoom": zoom_lines(page.estimates, page.emg, sum(page.busiest) / 2, page.colours),
        }
    ]


def _events(page: Page) -> list[Shown]:
    heading = {"heading": "Around events"}
    if page.events is None:
        return [heading | {"picture": "", "why": "the file has no table of events with enough rows"}]
    try:
        picture = data_uri(plot_event_averages(page.estimates, page.events, colours=page.colours))
    except SignalError as error:
        return [heading | {"picture": "", "why": error.problem}]
    return [heading | {"picture": picture, "name": page.events.name}]


def _truth(page: Page) -> list[Shown]:
    if page.scores is None:
        return []
    rows = [
        (
            str(name),
            f"{float(page.scores['r2'].sel(estimator=name).mean()):.3f}",
            [f"{float(value):.3f}" for value in page.scores["r2"].sel(estimator=name).values],
        )
        for name in page.scores["estimator"].values
    ]
    return [
        {
            "heading": "Agreement with the true activation",
            "picture": data_uri(plot_scores(page.scores, colours=page.colours)),
            "muscles": [str(name) for name in page.scores["muscle"].values],
            "rows": rows,
        }
    ]


def _show_score(score: Score) -> Callable[[Page], list[Shown]]:
    def show(page: Page) -> list[Shown]:
        if score.key not in page.compared:
            return []
        scores = page.compared[score.key]
        draw = SCORE_FIGURES.get(score.key)
        figure = None if draw is None else draw(scores, page.colours)
        table = score.table(scores)
        return [
            {
                "heading": score.heading,
                "explanation": score.explained(scores),
                "picture": "" if figure is None else data_uri(figure),
                "table": table,
                "table_explanation": score.table_explanation,
                "further": None if score.further is None else score.further(scores),
                "further_explanation": score.further_explanation,
                "open": figure is None or len(table.rows) <= MOST_OPEN_ROWS,
                "pairs": list(score.pair_tables(scores)),
            }
        ]

    return show


def _behavior_figure(scores: xr.Dataset, colours: Mapping[str, str]) -> Figure | None:
    readable = scores.sizes["target"] <= MOST_BEHAVIOR_TARGETS
    return plot_comparison(scores, "target", colours=colours) if readable else None


def _force_figure(scores: xr.Dataset, colours: Mapping[str, str]) -> Figure | None:
    return plot_force_coherence(scores, colours=colours) if scores.sizes["target"] <= MOST_FORCE_TARGETS else None


SCORE_FIGURES: dict[str, Callable[[xr.Dataset, Mapping[str, str]], Figure | None]] = {
    "cortex": lambda scores, colours: plot_units(scores, colours=colours),
    "behavior": _behavior_figure,
    "response": lambda scores, colours: plot_frequency_response(scores, colours=colours),
    "force": _force_figure,
}
"""Of scores by their keys, None where a picture would not be readable; a score without one is shown as a table."""


def _missing(page: Page) -> list[Shown]:
    lines = [*(f"{what}: {why}" for what, why in page.missing.items()), *page.notes]
    return [{"heading": "What could not be compared, or was left out", "lines": lines}] if lines else []


def _searches(page: Page) -> list[Shown]:
    return [training.search_summary(name, each) for name, each in page.estimates.items() if "search_valid_nll" in each]


def _principle(estimate: xr.Dataset) -> str:
    """Say what an estimator does, for a reader who never heard of it; nothing of one that is not registered."""
    entry = entry_of(str(estimate.attrs.get("estimator", "")))
    return "" if entry is None else entry.principle


def made_by(page: Page) -> list[Shown]:
    """Return how each estimate was made, and what its estimator does."""
    return [
        {
            "name": name,
            "does": _principle(estimate),
            **{key: estimate.attrs.get(key, "") for key in ("estimator", "version", "seed")},
            "config": json.dumps(json.loads(estimate.attrs.get("config", "{}")), indent=2, sort_keys=True),
        }
        for name, estimate in page.estimates.items()
    ]


def _reproduce(page: Page) -> list[Shown]:
    return [
        {
            "heading": "How to reproduce",
            "commands": page.commands,
            "settings_files": page.settings_files,
            "models": page.models,
            "origin": recording.origin_of(page.first),
            "estimates": made_by(page),
            "version": version("nwb-autolfads"),
            "python": platform.python_version(),
            "packages": [(name, version(name)) for name in ("pynwb", "hdmf", "numpy", "scipy", "torch")],
        }
    ]


_BEFORE_SCORES = (
    Section("trust", "trust", _trust, "Can it be trusted?"),
    Section("read", "read", _read, "What was read"),
    Section("quality", "quality", _quality, "Quality", level=3),
    Section("preprocessing", "preprocessing", _preprocessing, level=3, folded=True),
    Section("estimates", "estimates", _estimates, "EMG and estimates"),
    Section("events", "events", _events, "Around events"),
    Section("latents", "latents", lambda page: training.latents(page.estimates, *page.busiest), "Factors and inputs"),
    Section("truth", "truth", _truth, "The truth"),
)
_AFTER_SCORES = (
    Section("missing", "missing", _missing, "What is missing"),
    Section("search", "search", _searches, "Search", folded=True),
    Section(
        "configuration",
        "configuration",
        lambda page: [{"heading": "Configuration", "estimates": made_by(page)}],
        "Configuration",
        folded=True,
    ),
    Section("reproduce", "reproduce", _reproduce, "How to reproduce"),
    Section("cite", "cite", lambda _: [{"heading": "How to cite", "citations": CITATIONS}], "How to cite"),
)
