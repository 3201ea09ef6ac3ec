"""One self-contained HTML page about the estimates in a file: no network, pictures inside, every text escaped."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import jinja2
import xarray as xr
from markupsafe import Markup

from nwb_autolfads.evaluation import registry
from nwb_autolfads.evaluation.scores.events import Events
from nwb_autolfads.evaluation.tables import TEXT_COLUMNS
from nwb_autolfads.report import sections
from nwb_autolfads.report.figures import busiest_stretch, display_unit, plot_activation, plot_scores
from nwb_autolfads.report.quality import plot_quality
from nwb_autolfads.report.sections import SHOWN_SECONDS
from nwb_autolfads.report.verdict import judge
from nwb_autolfads.report.zoom import script, zoom_lines

MOST_OPEN_ROWS = 12  # of a table that is shown beside its picture
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
    quality: xr.Dataset | None = None,
    signals: xr.DataArray | None = None,
    held_out: xr.Dataset | str = "",
    comparisons: Mapping[str, xr.Dataset] | None = None,
    events: Events | None = None,
    missing: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    commands: Sequence[str] = (),
    settings_files: Mapping[str, str] | None = None,
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
    quality : Dataset, (muscle,), optional
        What `nwb_autolfads.emg.quality.assess_quality` says of the EMG as it was recorded.
    signals : DataArray, (time, muscle), optional
        A stretch of that EMG, drawn beside its quality.
    held_out : Dataset or str
        ``nll`` ``(estimator, muscle)`` of hidden blocks, for the verdict; or why there is none.
    comparisons : mapping of str to Dataset, optional
        Scores by the keys of `nwb_autolfads.evaluation.registry.SCORES`.
    events : Events, optional
        Around which activation is averaged.
    missing : mapping of str to str, optional
        What could not be compared, and why.
    notes : sequence of str, optional
        What was left out of the comparisons, or done otherwise than one may expect.
    commands : sequence of str, optional
        Command lines that make these estimates again.
    settings_files : mapping of str to str, optional
        Text of the settings files that they name.

    Returns
    -------
    str
        A page that loads nothing from elsewhere; the only script in it is the one that zooms, named by its hash.
    """
    first = next(iter(estimates.values()))
    compared = {key: sections.in_order_of(estimates, each) for key, each in (comparisons or {}).items()}
    shown_scores = [score for score in registry.SCORES if score.key in compared]
    start, stop = busiest_stretch(first["activation"], SHOWN_SECONDS)
    random_start, random_stop = sections.random_stretch(first["activation"])
    shown, random_shown = (
        sections.data_uri(plot_activation(estimates, emg=emg, truth=truth, start=begin, stop=end))
        for begin, end in ((start, stop), (random_start, random_stop))
    )
    zoom_script, zoom_hash = script()
    latents = sections.latents(estimates, start, stop)
    searched = [name for name, estimate in estimates.items() if "search_valid_nll" in estimate]
    calibration = sections.calibration(estimates, emg)
    headings = {
        "trust": ("Can it be trusted?", True),
        "read": ("What was read", True),
        "quality": ("Quality", True),
        "estimates": ("EMG and estimates", True),
        "events": ("Around events", True),
        "latents": ("Factors and inputs", latents),
        "truth": ("The truth", scores is not None),
        **{score.key: (score.contents, True) for score in shown_scores},
        "missing": ("What is missing", missing or notes),
        "calibration": ("Calibration", calibration),
        "search": ("Search", searched),
        "configuration": ("Configuration", True),
        "reproduce": ("How to reproduce", True),
        "cite": ("How to cite", True),
    }
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("nwb_autolfads", "report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("page.html.j2").render(
        title=title,
        contents=[(place, heading) for place, (heading, is_there) in headings.items() if is_there],
        version=version("nwb-autolfads"),
        origin=sections.origin_of(first),
        unit=display_unit(str(first.attrs.get("unit", "")))[1],
        rate=first.attrs.get("rate"),
        duration=sections.recorded_seconds(first),
        assumptions=assumptions,
        steps=[sections.described_step(step) for step in json.loads(first.attrs.get("preprocessing", "[]"))],
        verdict=judge(estimates, emg=emg, held_out=held_out, comparisons=compared),
        muscles=sections.muscle_rows(estimates, emg, quality),
        quality_picture=sections.data_uri(plot_quality(quality, signals))
        if quality is not None and signals is not None
        else "",
        text_columns=TEXT_COLUMNS,
        most_open_rows=MOST_OPEN_ROWS,
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
        averages=sections.averages(estimates, events),
        event_name=events.name if events is not None else "",
        latents=latents,
        comparisons=[sections.score_part(score, compared[score.key]) for score in shown_scores],
        missing=dict(missing or {}),
        notes=notes,
        calibration=calibration,
        emg_note=emg_note,
        has_truth=truth is not None,
        scores=sections.score_rows(scores) if scores is not None else [],
        score_muscles=[str(name) for name in scores["muscle"].values] if scores is not None else [],
        score_picture=sections.data_uri(plot_scores(scores)) if scores is not None else "",
        searches=[sections.search_summary(name, estimates[name]) for name in searched],
        estimates=[sections.estimate_facts(name, estimate) for name, estimate in estimates.items()],
        commands=commands,
        settings_files=dict(settings_files or {}),
        python=platform.python_version(),
        packages=[(name, version(name)) for name in ("pynwb", "hdmf", "numpy", "scipy", "torch")],
        citations=CITATIONS,
    )
