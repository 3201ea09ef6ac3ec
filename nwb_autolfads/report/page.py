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
from matplotlib.figure import Figure

from nwb_autolfads.report.figures import busiest_stretch, display_unit, plot_activation, plot_scores, plot_search

SHOWN_SECONDS = 3.0
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
    commands : sequence of str, optional
        Command lines that make these estimates again.

    Returns
    -------
    str
        A page that loads nothing from elsewhere and runs no script.
    """
    first = next(iter(estimates.values()))
    start, stop = busiest_stretch(first["activation"], SHOWN_SECONDS)
    shown = plot_activation(estimates, emg=emg, truth=truth, start=start, stop=stop)
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
        muscles=_muscle_rows(first),
        shown_start=start,
        shown_stop=stop,
        activation_picture=_data_uri(shown),
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


def _muscle_rows(estimate: xr.Dataset) -> list[dict[str, Any]]:
    n = estimate.sizes["muscle"]
    usable = estimate["usable"].values if "usable" in estimate.coords else np.full(n, True)
    scale = estimate["scale"].values if "scale" in estimate.coords else np.full(n, np.nan)
    names = estimate["muscle"].values
    factor, _ = display_unit(str(estimate.attrs.get("unit", "")))
    return [
        {"name": str(name), "usable": bool(is_usable), "scale": f"{divisor * factor:.4g}"}
        for name, is_usable, divisor in zip(names, usable, scale, strict=True)
    ]


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
    figure.savefig(png, format="png", dpi=130)
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode("ascii")
