"""`report`: one page on the estimates in a file."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from nwb_autolfads.commands.judging import known_truth
from nwb_autolfads.commands.recipe import UsedModel, how_to_make, models_used
from nwb_autolfads.config import RunSettings, as_arguments
from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.preprocess import preprocess
from nwb_autolfads.emg.quality import assess_quality, middle_excerpt
from nwb_autolfads.emg.trials import without_trials
from nwb_autolfads.errors import NwbAutolfadsError, SourceError, printable
from nwb_autolfads.files.atomic import write_text
from nwb_autolfads.files.places import Output, check_outputs
from nwb_autolfads.results.asked import settings_of, source_of
from nwb_autolfads.results.neighbours import files_behind
from nwb_autolfads.results.read import list_estimates, read_activation
from nwb_autolfads.results.recorded_in import recording_of

if TYPE_CHECKING:
    from nwb_autolfads.evaluation import Comparison

SHOWN_S = 5.0
"""Of the EMG as it was recorded, on the page."""


def report(
    file: Path,
    out: Path,
    settings: RunSettings | None = None,
    asked: Mapping[str, Any] | None = None,
    *,
    overwrite: bool = False,
    found: Comparison | None = None,
) -> Path:
    """Write the report page on the estimates in a file.

    Parameters
    ----------
    file : Path
        An NWB file with estimates.
    out : Path
        The HTML file to write.
    settings : RunSettings, optional
        How the EMG was preprocessed, so that it can be drawn behind the estimates; by default as the first of
        them says.
    asked : mapping, optional
        What was asked for: ``events`` and the time ``before`` and ``after`` each (s), ``phases``, ``outside_links``.
    overwrite : bool
        Whether an existing file is replaced.
    found : Comparison, optional
        What `nwb_autolfads.evaluation.compare_file` said of the file, where somebody asked already.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    SourceError
        If the file holds no estimate.
    OutputError
        If the page cannot be written.
    """
    config = [] if settings is None or settings.file is None else [settings.file]
    check_outputs([Output(out, overwrite)], [*files_behind(file), *config])
    names = list_estimates(file)
    if not names:
        raise SourceError(
            "holds no estimate of activation", way_out="Make one first: nwb-autolfads run FILE", file=str(file)
        )
    estimates = {name: read_activation(file, name=name) for name in names}
    first = estimates[names[0]]
    trusted, recorded = bool((asked or {}).get("outside_links")), recording_of(file)
    emg: xr.DataArray | None = None
    assumptions: tuple[str, ...] = ()
    note = ""
    try:
        settings = settings or settings_of(first)
        with source_of(recorded, first, outside_links=trusted).open() as recording:
            emg, assumptions = preprocess(recording, settings.preprocessing), recording.assumptions
        if gone := sorted(set(first["muscle"].values.tolist()) - set(emg["muscle"].values.tolist())):
            emg, note = None, f"The EMG is not drawn: no muscle in it is called {printable(', '.join(gone), 200)}."
        elif without_trials(emg.attrs["preprocessing"]) != without_trials(first.attrs.get("preprocessing")):
            emg, note = None, "The EMG is not drawn: it was preprocessed with other settings; give them with --config."
    except NwbAutolfadsError as error:
        note = f"The EMG is not drawn: {error}"
    commands, settings_files = how_to_make(estimates, file, linked=recorded != file)
    models, of_models = models_used(estimates)
    commands.append(shlex.join(["nwb-autolfads", "report", file.name, *as_arguments(asked or {})]))
    truth, scores = known_truth(estimates, recorded)
    page = render_page(
        file,
        estimates,
        emg,
        emg_note=note,
        assumptions=assumptions,
        truth=truth,
        scores=scores,
        commands=commands,
        settings_files={**settings_files, **of_models},
        models=models,
        settings=settings,
        asked=asked,
        found=found,
    )
    write_text(out, page, may_exist=overwrite)
    return out


def render_page(
    file: Path,
    estimates: Mapping[str, xr.Dataset],
    emg: xr.DataArray | None,
    *,
    emg_note: str = "",
    assumptions: Sequence[str] = (),
    truth: xr.DataArray | None = None,
    scores: xr.Dataset | None = None,
    commands: Sequence[str] = (),
    settings_files: Mapping[str, str] | None = None,
    models: Sequence[UsedModel] = (),
    settings: RunSettings | None = None,
    asked: Mapping[str, Any] | None = None,
    found: Comparison | None = None,
) -> str:
    """Return the report page on estimates, beside whatever else their file holds.

    Parameters
    ----------
    file : Path
        The file that holds the estimates.
    estimates : mapping of str to Dataset
        By their names in it.
    emg : DataArray, (time, muscle), optional
        The rectified EMG they were made from.
    emg_note, assumptions, truth, scores, commands, settings_files, models
        See `nwb_autolfads.report.page.render_report`.
    settings : RunSettings, optional
        How the EMG was preprocessed, where not with the defaults.
    asked, found
        See `report`.

    Returns
    -------
    str
        HTML.
    """
    from nwb_autolfads.evaluation import compare_file
    from nwb_autolfads.report.page import render_report

    asked = dict(asked or {})
    around = (asked.pop("before", None), asked.pop("after", None))
    preprocessing = None if settings is None else settings.preprocessing
    found = found or compare_file(file, emg=emg, preprocessing=preprocessing, around=around, **asked)
    quality, signals = _quality(
        file, next(iter(estimates.values())), preprocessing, outside_links=bool(asked.get("outside_links"))
    )
    return render_report(
        estimates,
        title=file.name,
        emg=emg,
        emg_note=emg_note,
        assumptions=assumptions,
        truth=truth,
        scores=scores,
        quality=quality,
        signals=signals,
        comparisons=found.scores,
        events=found.events,
        missing=found.missing,
        notes=found.notes,
        commands=commands,
        settings_files=settings_files or {},
        models=models,
    )


def _quality(
    file: Path, estimate: xr.Dataset, preprocessing: PreprocessingConfig | None, *, outside_links: bool
) -> tuple[xr.Dataset | None, xr.DataArray | None]:
    """Judge the EMG that an estimate was made from, and take a stretch of it to show; None where it cannot be read."""
    try:
        preprocessing = preprocessing or settings_of(estimate).preprocessing
        with source_of(recording_of(file), estimate, outside_links=outside_links).open() as recording:
            return assess_quality(recording, preprocessing), middle_excerpt(recording, SHOWN_S)
    except NwbAutolfadsError:  # said on the page already, where the EMG would be drawn
        return None, None
