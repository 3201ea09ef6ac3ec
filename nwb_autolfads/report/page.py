"""One self-contained HTML page about the estimates in a file: no network, pictures inside, every text escaped."""

from __future__ import annotations

import base64
import io
import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import jinja2
import numpy as np
import xarray as xr
from markupsafe import Markup
from matplotlib.figure import Figure
from scipy.special import gammainc

from nwb_autolfads.compare.events import Events
from nwb_autolfads.errors import SignalError
from nwb_autolfads.report import tables
from nwb_autolfads.report.comparison_figures import (
    plot_comparison,
    plot_event_averages,
    plot_force_coherence,
    plot_frequency_response,
    plot_latents,
)
from nwb_autolfads.report.figures import busiest_stretch, display_unit, plot_activation, plot_scores, plot_search
from nwb_autolfads.report.verdict import explained_share, judge
from nwb_autolfads.report.zoom import script, zoom_lines

SHOWN_SECONDS = 3.0
MOST_BEHAVIOR_TARGETS, MOST_FORCE_TARGETS = 60, 12  # beyond, a picture of all is not readable: the table is enough
COVERED = 0.9  # share of the EMG that must lie between the 5 % and 95 % quantiles of what the model expects
CITATIONS = (
    "Wimalasena et al. 2022, Estimating muscle activation from EMG using deep learning-based dynamical systems "
    "models, J Neural Eng 19 036013, doi 10.1088/1741-2552/ac6369",
    "Keshtkaran et al. 2022, A large-scale neural network training framework for generalized estimation of "
    "single-trial population dynamics, Nat Methods 19 1572-1577, doi 10.1038/s41592-022-01675-0",
    "Pandarinath et al. 2018, Inferring single-trial neural population dynamics using sequential auto-encoders, "
    "Nat Methods 15 805-815, doi 10.1038/s41592-018-0109-9",
)


def render_report(
    estimates: Mapping[str, xr.Dataset],
    *,
    title: str,
    emg: xr.DataArray | None = None,
    emg_note: str = "",
    assumptions: Sequence[str] = (),
    truth: xr.DataArray | None = None,
    scores: xr.Dataset | None = None,
    held_out: xr.Dataset | None = None,
    cortex: xr.Dataset | None = None,
    behavior: xr.Dataset | None = None,
    response: xr.Dataset | None = None,
    force: xr.Dataset | None = None,
    events: Events | None = None,
    missing: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    commands: Sequence[str] = (),
) -> str:
    """Return the report page as HTML.

    Parameters
    ----------
    estimates : mapping of str to Dataset
        At least one estimate by its name, as the estimators return it or `read_activation` reads it.
    title : str
        Heading of the page, the name of the file for instance.
    emg : DataArray, (time, muscle), optional
        Rectified EMG that the estimates were made from, drawn behind them.
    emg_note : str, optional
        Why the EMG is not drawn, where it is not.
    assumptions : sequence of str, optional
        What was taken for granted while reading.
    truth : DataArray, (time, muscle), optional
        True activation of a simulated session, drawn over the estimates.
    scores : Dataset, optional
        ``r2`` ``(estimator, muscle)`` to the truth.
    held_out : Dataset, optional
        ``nll`` ``(estimator, muscle)`` of hidden blocks, for the verdict.
    cortex, behavior, response, force : Dataset, optional
        Comparisons, as `nwb_autolfads.compare_with_cortex`, `compare_with_behavior`, `frequency_response` and
        `force_coherence` return them.
    events : Events, optional
        Around which activation is averaged.
    missing : mapping of str to str, optional
        What could not be compared, and why.
    notes : sequence of str, optional
        What was left out of the comparisons, or done otherwise than one may expect.
    commands : sequence of str, optional
        Command lines that make these estimates again.

    Returns
    -------
    str
        A page that loads nothing from elsewhere; the only script in it is the one that zooms, named by its hash.
    """
    first = next(iter(estimates.values()))
    start, stop = busiest_stretch(first["activation"], SHOWN_SECONDS)
    random_start, random_stop = _random_stretch(first["activation"])
    shown, random_shown = (
        _data_uri(plot_activation(estimates, emg=emg, truth=truth, start=begin, stop=end))
        for begin, end in ((start, stop), (random_start, random_stop))
    )
    zoom_script, zoom_hash = script()
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("nwb_autolfads", "report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("page.html.j2").render(
        title=title,
        version=version("nwb-autolfads"),
        origin=json.loads(first.attrs.get("origin", "{}")),
        unit=display_unit(str(first.attrs.get("unit", "")))[1],
        rate=first.attrs.get("rate"),
        duration=_recorded_seconds(first),
        assumptions=assumptions,
        steps=[_described_step(step) for step in json.loads(first.attrs.get("preprocessing", "[]"))],
        verdict=judge(estimates, emg=emg, held_out=held_out, cortex=cortex, behavior=behavior),
        muscles=_muscle_rows(estimates, emg),
        estimate_names=list(estimates),
        shown_start=start,
        shown_stop=stop,
        activation_picture=shown,
        random_start=random_start,
        random_stop=random_stop,
        random_picture=random_shown,
        zoom=zoom_lines(estimates, emg, (start + stop) / 2),
        zoom_script=Markup(zoom_script),
        zoom_hash=Markup(zoom_hash),
        averages=_averages(estimates, events),
        event_name=events.name if events is not None else "",
        latents=_latents(estimates, start, stop),
        cortex=_cortex_part(cortex),
        behavior=_behavior_part(behavior),
        response=_response_part(response),
        force=_force_part(force),
        missing=dict(missing or {}),
        notes=notes,
        calibration=_calibration(estimates, emg),
        emg_note=emg_note,
        has_truth=truth is not None,
        scores=_score_rows(scores) if scores is not None else [],
        score_muscles=[str(name) for name in scores["muscle"].values] if scores is not None else [],
        score_picture=_data_uri(plot_scores(scores)) if scores is not None else "",
        searches=[
            {"name": name, "picture": _data_uri(plot_search(estimate)), **_search_summary(estimate)}
            for name, estimate in estimates.items()
            if "search_valid_nll" in estimate
        ],
        estimates=[_estimate_facts(name, estimate) for name, estimate in estimates.items()],
        commands=commands,
        python=platform.python_version(),
        packages=[(name, version(name)) for name in ("pynwb", "hdmf", "numpy", "scipy", "torch")],
        citations=CITATIONS,
    )


def _recorded_seconds(estimate: xr.Dataset) -> float:
    rate = float(estimate.attrs.get("rate", 0.0))
    return estimate.sizes["time"] / rate if rate else float(np.ptp(estimate["time"].values))


def _described_step(step: Mapping[str, Any]) -> tuple[str, str]:
    numbers = "; ".join(f"{key}: {_short(value)}" for key, value in step.items() if key != "step")
    return str(step.get("step", "")), numbers


def _short(value: Any) -> str:
    if value is None or value in ([], {}):
        return "none"
    if isinstance(value, list):
        return ", ".join(_short(item) for item in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _random_stretch(activation: xr.DataArray) -> tuple[float, float]:
    """Return a stretch that nobody chose: the same for the same recording."""
    time = activation["time"].values
    latest = max(float(time[0]), float(time[-1]) - SHOWN_SECONDS)
    start = float(np.random.default_rng(0).uniform(float(time[0]), latest))
    return start, min(start + SHOWN_SECONDS, float(time[-1]))


def _muscle_rows(estimates: Mapping[str, xr.Dataset], emg: xr.DataArray | None) -> list[dict[str, Any]]:
    """Return what is known of each muscle: scale, quality, and how much of its smoothed EMG each estimate follows."""
    estimate = next(iter(estimates.values()))
    n = estimate.sizes["muscle"]
    usable = estimate["usable"].values if "usable" in estimate.coords else np.full(n, True)
    scale = estimate["scale"].values if "scale" in estimate.coords else np.full(n, np.nan)
    factor, _ = display_unit(str(estimate.attrs.get("unit", "")))
    steps = {step.get("step"): step for step in json.loads(estimate.attrs.get("preprocessing", "[]"))}
    reasons = steps.get("quality", {}).get("unusable", {})
    shares = [explained_share(each["activation"], emg) if emg is not None else {} for each in estimates.values()]
    return [
        {
            "name": name,
            "usable": bool(is_usable),
            "reason": _short(reasons.get(name, "")),
            "scale": f"{divisor * factor:.4g}",
            "shares": [tables.number(share.get(name, np.nan), 2) for share in shares],
        }
        for name, is_usable, divisor in zip([str(m) for m in estimate["muscle"].values], usable, scale, strict=True)
    ]


def _averages(estimates: Mapping[str, xr.Dataset], events: Events | None) -> dict[str, str]:
    if events is None:
        return {"picture": "", "why": "the file has no table of events with enough rows"}
    try:
        return {"picture": _data_uri(plot_event_averages(estimates, events)), "why": ""}
    except SignalError as error:
        return {"picture": "", "why": error.problem}


def _latents(estimates: Mapping[str, xr.Dataset], start: float, stop: float) -> list[dict[str, str]]:
    return [
        {"name": name, "what": what, "picture": _data_uri(plot_latents(estimate, what, start=start, stop=stop))}
        for name, estimate in estimates.items()
        for what in ("factors", "inputs")
        if what in estimate and estimate[what].shape[1]
    ]


def _cortex_part(scores: xr.Dataset | None) -> dict[str, Any] | None:
    if scores is None:
        return None
    pairs = tables.pair_rows(scores, "population_"), tables.pair_rows(scores, "muscles_")
    return {
        "picture": _data_uri(plot_comparison(scores, "muscle")),
        "columns": tables.CORTEX_COLUMNS,
        "rows": tables.cortex_rows(scores),
        "pair_columns": tables.PAIR_COLUMNS,
        "pairs": list(zip(("spikes from muscles", "muscles from spikes"), pairs, strict=True)),
        "n_units": scores.attrs.get("n_units", scores.sizes.get("unit", 0)),
    }


def _behavior_part(scores: xr.Dataset | None) -> dict[str, Any] | None:
    if scores is None:
        return None
    readable = scores.sizes["target"] <= MOST_BEHAVIOR_TARGETS
    return {
        "picture": _data_uri(plot_comparison(scores, "target")) if readable else "",
        "columns": tables.BEHAVIOR_COLUMNS,
        "rows": tables.behavior_rows(scores),
        "pair_columns": tables.PAIR_COLUMNS,
        "pairs": [("behaviour", tables.pair_rows(scores, "targets_"))],
    }


def _response_part(response: xr.Dataset | None) -> dict[str, Any] | None:
    if response is None:
        return None
    picture = _data_uri(plot_frequency_response(response))
    return {"picture": picture, "columns": tables.RESPONSE_COLUMNS, "rows": tables.response_rows(response)}


def _force_part(force: xr.Dataset | None) -> dict[str, Any] | None:
    if force is None:
        return None
    readable = force.sizes["target"] <= MOST_FORCE_TARGETS
    return {
        "picture": _data_uri(plot_force_coherence(force)) if readable else "",
        "columns": tables.FORCE_COLUMNS,
        "rows": tables.force_rows(force),
    }


def _calibration(estimates: Mapping[str, xr.Dataset], emg: xr.DataArray | None) -> list[dict[str, Any]]:
    """Return how often EMG lies where the model's gamma distribution has 90 % of its mass, mean, lowest and highest."""
    found = []
    for name, estimate in estimates.items():
        if emg is None or "concentration" not in estimate or estimate.sizes["time"] != emg.sizes["time"]:
            continue
        shape, rate = (estimate[key].transpose("time", "muscle").values for key in ("concentration", "rate_parameter"))
        observed = emg.sel(muscle=estimate["muscle"].values).transpose("time", "muscle").values
        every = max(1, len(observed) // 20_000)
        place = gammainc(shape[::every], rate[::every] * observed[::every])
        known = np.isfinite(place)
        inside = known & (place > (1 - COVERED) / 2) & (place < (1 + COVERED) / 2)
        share = inside.sum(axis=0)[known.any(axis=0)] / known.sum(axis=0)[known.any(axis=0)]
        if share.size:
            found.append({"name": name, "numbers": [f"{100 * f(share):.0f} %" for f in (np.mean, np.min, np.max)]})
    return found


def _score_rows(scores: xr.Dataset) -> list[dict[str, Any]]:
    return [
        {
            "name": str(name),
            "mean": f"{float(scores['r2'].sel(estimator=name).mean()):.3f}",
            "muscles": [f"{float(value):.3f}" for value in scores["r2"].sel(estimator=name).values],
        }
        for name in scores["estimator"].values
    ]


def _search_summary(estimate: xr.Dataset) -> dict[str, Any]:
    score = np.asarray(estimate["search_valid_nll"].values, dtype=np.float64)
    finite = score[np.isfinite(score)]
    return {
        "members": len(np.unique(estimate["search_member"].values)),
        "epochs": len(np.unique(estimate["search_epoch"].values)),
        "best": f"{finite.min():.4f}" if finite.size else "none finite",
    }


def _estimate_facts(name: str, estimate: xr.Dataset) -> dict[str, Any]:
    config = json.loads(estimate.attrs.get("config", "{}"))
    return {
        "name": name,
        "estimator": estimate.attrs.get("estimator", ""),
        "version": estimate.attrs.get("version", ""),
        "seed": estimate.attrs.get("seed", ""),
        "config": json.dumps(config, indent=2, sort_keys=True),
    }


def _data_uri(figure: Figure) -> str:
    # Pixels, not SVG: no text of the file can become markup.
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=110)
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode("ascii")
