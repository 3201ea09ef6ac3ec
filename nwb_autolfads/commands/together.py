"""`run --together`: one model of several recordings, and a result for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import xarray as xr

from nwb_autolfads.commands.judging import judged
from nwb_autolfads.commands.prepare import Tell, rectified, trials_of
from nwb_autolfads.commands.run import Result, keep_model, make_estimators, other_outputs, with_recipe
from nwb_autolfads.config import RunOptions, RunSettings, Source
from nwb_autolfads.errors import ConfigError, OutputError
from nwb_autolfads.estimators import registry
from nwb_autolfads.estimators.base import TakesSessions, with_config
from nwb_autolfads.evaluation.unseen import unseen_bins, with_blocks, without
from nwb_autolfads.files.places import Output, make_folder
from nwb_autolfads.results.asked import Asked
from nwb_autolfads.results.inside import FileState
from nwb_autolfads.results.outputs import Target, check_target
from nwb_autolfads.results.write import write_activations

if TYPE_CHECKING:
    from nwb_autolfads.search.progress import ProgressCallback


@dataclass(frozen=True)
class TogetherResult:
    """What a run of several recordings leaves.

    Attributes
    ----------
    results : dict of str to Result
        Of each session whose result was written.
    failed : dict of str to OutputError
        Of the others.
    model_id : str
        Of the one model.
    """

    results: dict[str, Result]
    failed: dict[str, OutputError]
    model_id: str

    def summary(self) -> dict[str, Any]:
        """Return what a program wants to know, JSON-serialisable."""
        return {
            "model_id": self.model_id,
            "sessions": {name: result.summary() for name, result in self.results.items()},
            "failed": {name: str(error) for name, error in self.failed.items()},
        }

    def require_all(self) -> None:
        """Raise `OutputError` naming the results that were not written."""
        if self.failed:
            said = "; ".join(str(error).rstrip(".") for error in self.failed.values())
            count = len(self.failed) + len(self.results)
            raise OutputError(
                f"{len(self.failed)} of {count} results could not be written: {said}",
                way_out="The others were, and name the same model",
            )


@dataclass(frozen=True)
class _Read:
    """A recording that was read: its EMG, as it is trained on, and the state of its file."""

    emg: xr.DataArray
    taken: xr.DataArray
    seen: FileState
    assumptions: tuple[str, ...]


def run_together(
    sources: Sequence[Source],
    targets: Sequence[Target],
    options: RunOptions,
    settings: RunSettings,
    *,
    tell: Tell,
    progress: ProgressCallback | None = None,
) -> TogetherResult:
    """Train one model on several recordings, and write an estimate for each.

    Parameters
    ----------
    sources : sequence of Source
        NWB files on this machine; the session of each has the name of its file without the suffix.
    targets : sequence of Target
        Where their results go.
    options, settings, tell, progress
        As for `nwb_autolfads.commands.run.run`.

    Returns
    -------
    TogetherResult

    Raises
    ------
    NwbAutolfadsError
        If one of them cannot be read or used; nothing is trained then.
    """
    entry = _one_that_takes_sessions(options)
    (made,) = make_estimators([entry], options, settings, progress)
    estimator = cast(TakesSessions, made)
    names = _names_of(sources)
    name = targets[0].name or entry.name
    for folder in {target.file.parent for target in targets if not target.in_place}:
        make_folder(folder)
    _check_targets(sources, targets, name, options, settings)
    read = {session: _read(source, options, settings, tell) for session, source in zip(names, sources, strict=True)}
    _say_what_is_not_common({session: each.emg for session, each in read.items()}, tell)
    unseen = {session: unseen_bins(each.taken) for session, each in read.items()}
    tell(f"Fitting {entry.name} to {len(read)} sessions together")
    estimator.fit({session: without(each.taken, unseen[session]) for session, each in read.items()})
    model = with_recipe(estimator.to_bytes(), Asked.of_run(sources[0], options, settings, entry.key, together=sources))
    not_kept = keep_model(options.save_model, targets[0], {name: model}, tell)
    done: dict[str, Result] = {}
    failed: dict[str, OutputError] = {}
    for session, source, target in zip(names, sources, targets, strict=True):
        each = read[session]
        asked = Asked.of_run(source, options, settings, entry.key, together=sources)
        estimate = estimator.estimate(each.taken, session=session, infer_missing=options.infer_missing)
        estimate = estimate.assign_attrs(options=asked.to_json())
        estimate = with_blocks(estimate, each.taken, unseen[session])
        weights = {name: model} if options.weights else {}
        try:
            done[session] = _written(estimate, name, each, source, target, weights, tell)
        except OutputError as error:
            tell(f"Not written: {error}")
            failed[session] = error
    if not_kept is not None:
        raise not_kept
    return TogetherResult(done, failed, str(estimator.config["model_id"]))


def _written(
    estimate: xr.Dataset,
    name: str,
    read: _Read,
    source: Source,
    target: Target,
    weights: Mapping[str, bytes],
    tell: Tell,
) -> Result:
    verdict = judged({name: estimate}, read.emg, Path(source.file), target)
    estimates = {name: with_config(estimate, verdict=verdict.as_dict())}
    write_activations(estimates, Path(source.file), source_state=read.seen, weights=weights, **target.as_arguments())
    tell(f"Wrote {name} to {target.file}")
    for line in verdict.lines():
        tell(line)
    return Result(target.file, estimates, read.emg, read.assumptions, verdict)


def _read(source: Source, options: RunOptions, settings: RunSettings, tell: Tell) -> _Read:
    with source.open() as recording:
        seen = FileState.of(Path(source.file))
        emg = rectified(recording, settings, tell)
    return _Read(emg, trials_of(emg, source, options, tell), seen, recording.assumptions)


def _say_what_is_not_common(emgs: Mapping[str, xr.DataArray], tell: Tell) -> None:
    """Say which sessions have no muscle that another one has: the model must do without knowing what is what there."""
    muscles = {name: set(emg["muscle"].values[emg["usable"].values].tolist()) for name, emg in emgs.items()}
    for name, own in muscles.items():
        if not any(own & other for session, other in muscles.items() if session != name):
            tell(f"  note: no muscle of {name} is in another session: only the dynamics are common")


def _one_that_takes_sessions(options: RunOptions) -> registry.Entry:
    able = [entry.key for entry in registry.entries() if entry.can.takes_sessions]
    if options.estimator not in able:
        raise ConfigError(
            f"--together is for one model of several recordings, which {options.estimator} does not make",
            way_out=f"Leave out --together, or use --estimator {' or '.join(able)}",
        )
    (entry,) = registry.chosen(options.estimator)
    return entry


def _names_of(sources: Sequence[Source]) -> list[str]:
    """Name the sessions by their files, and refuse what cannot be one of several."""
    if len(sources) < 2:
        raise ConfigError("--together with one recording", way_out="Give several, or leave out --together")
    known: dict[str, Path] = {}
    for source in sources:
        file = source.nwb_file()
        if file is None:
            raise ConfigError(
                "is no NWB file on this machine",
                way_out="Make one of it first, with `nwb-autolfads run FILE --out OUT.nwb`",
                file=str(source.file),
            )
        other = next((each for each in known.values() if _is_same(each, file)), None)
        if other is not None:
            raise ConfigError(f"is given twice{_as(other, file)}", way_out="Give each recording once", file=str(file))
        if file.stem in known:
            raise ConfigError(
                f"the session {file.stem!r} has the name of another, {known[file.stem]}",
                way_out="Give each file a name of its own",
                file=str(file),
            )
        known[file.stem] = file
    return list(known)


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return one.absolute() == other.absolute()


def _as(other: Path, file: Path) -> str:
    return "" if str(other) == str(file) else f", as {other} too"


def _check_targets(
    sources: Sequence[Source], targets: Sequence[Target], name: str, options: RunOptions, settings: RunSettings
) -> None:
    """Refuse what could not be written, before anything is computed."""
    read = [settings.file, *(Path(source.file) for source in sources)]
    others = [Output(target.file, target.overwrite, target.in_place) for target in targets[1:]]
    also = [*other_outputs(options, targets[0]), *others]  # looked at beside the first result, and by themselves
    for source, target in zip(sources, targets, strict=True):
        check_target(source, target, [name], also=also, read=read)
        also = []
