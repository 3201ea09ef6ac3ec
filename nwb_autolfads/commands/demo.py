"""The main job on a session whose true activation is known: what the program does, in a few minutes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from nwb_autolfads.commands.report import render_page
from nwb_autolfads.commands.run import run
from nwb_autolfads.config import RunOptions, RunSettings, Source
from nwb_autolfads.errors import OutputError
from nwb_autolfads.evaluation.truth import score_against_truth
from nwb_autolfads.files.atomic import new_version, write_text
from nwb_autolfads.files.places import Output, check_outputs
from nwb_autolfads.results.outputs import Target
from nwb_autolfads.simulate import read_true_activation, simulate_session

if TYPE_CHECKING:
    from nwb_autolfads.search.progress import ProgressCallback

DURATION_S = 40.0
# A few minutes on two slow cores: enough to see the program work, too little for AutoLFADS at its best.
SHORT_TRAINING = {"training": {"members": 2, "max_epochs": 14, "ramp_epochs": 4, "decay_epochs": 4}}
SHOWN_MUSCLES = 4


@dataclass(frozen=True)
class DemoResult:
    """What the demo leaves: ``r2`` to the truth ``(estimator, muscle)``, and the files it made."""

    scores: xr.Dataset
    session: Path
    result: Path
    report: Path
    picture: Path


def run_demo(
    folder: Path,
    *,
    seed: int = 0,
    overwrite: bool = False,
    tell: Callable[[str], None],
    progress: ProgressCallback | None = None,
) -> DemoResult:
    """Simulate a session, run every estimator on its EMG, compare with the truth, write the result and the report.

    Parameters
    ----------
    folder : Path
        Where the files go; made if it is missing.
    seed : int
        Seed of the simulation and of the training.
    overwrite : bool
        Whether the files of an earlier demo are replaced.
    tell : callable
        Takes one line for the user at a time.
    progress : callable, optional
        Called while AutoLFADS trains.

    Returns
    -------
    DemoResult

    Raises
    ------
    OutputError
        If a file exists already, or cannot be written.
    """
    from nwb_autolfads.report.content import SHOWN_SECONDS
    from nwb_autolfads.report.figures import busiest_excerpt, plot_activation

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder cannot be made: {error.strerror}", way_out="Choose another --out", file=str(folder)
        ) from error
    session, result, page, picture = (
        folder / name for name in ("session.nwb", "session_activation.nwb", "report.html", "activation.png")
    )
    check_outputs([Output(file, overwrite) for file in (session, result, page, picture)])

    tell(f"Simulating {DURATION_S:.0f} s of EMG with known activation")
    simulate_session(session, seed=seed, duration=DURATION_S, overwrite=overwrite)
    done = run(
        Source(session),
        Target(result, overwrite=overwrite),
        RunOptions("all", seed=seed, weights=True),
        RunSettings(estimators={"autolfads": SHORT_TRAINING}),
        tell=tell,
        progress=progress,
    )

    truth = read_true_activation(session)
    scores = score_against_truth(done.estimates, truth)
    write_text(
        page,
        render_page(
            result,
            done.estimates,
            done.emg,
            assumptions=done.assumptions,
            truth=truth,
            scores=scores,
            commands=[f"nwb-autolfads demo --seed {seed}"],
        ),
    )
    first = next(iter(done.estimates.values()))
    start, stop = busiest_excerpt(first["activation"], SHOWN_SECONDS)
    muscles = [str(name) for name in first["muscle"].values[:SHOWN_MUSCLES]]
    figure = plot_activation(done.estimates, emg=done.emg, truth=truth, muscles=muscles, start=start, stop=stop)
    with new_version(picture) as partial:
        figure.savefig(partial, format="png", dpi=110)
    return DemoResult(scores, session, result, page, picture)
