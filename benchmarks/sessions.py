"""One model of several sessions beside models of their own: simulated sessions of one body, and people who walk.

The sessions of a body (`nwb_autolfads.simulate.siblings`) share synergies and kind of behaviour, and differ in
electrodes, gains, noise and muscles. Each command prints a table:

``python benchmarks/sessions.py together``  one model of four sessions beside four models of their own;
``python benchmarks/sessions.py wiener``    what four times the data give the Wiener smoother of the second step;
``python benchmarks/sessions.py adapt``     a new session that a model adapts to, beside models of that session alone;
``python benchmarks/sessions.py factors``   whether factors of the same movement align across sessions;
``python benchmarks/sessions.py hidden``    a muscle that the second session does not record, beside a ridge regression;
``python benchmarks/sessions.py cost``      time and memory of a step against the number of sessions;
``python benchmarks/sessions.py knee``      people who walk (``../shared/data/knee4``): one model of all, one of each,
                                            and one of the others that adapts, by the knee's angle.

R2 of simulated sessions is to the true activation, mean over muscles (%). "Prediction" is what the model makes of
masked EMG, without the second step.
"""

from __future__ import annotations

import argparse
import functools
import resource
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from real_recordings import SHARED_DATA, KneeSession, knee_sessions
from rows import head
from rows import line as row

import nwb_autolfads as nal
from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
from nwb_autolfads.estimators.autolfads.prepared import Prepared
from nwb_autolfads.estimators.autolfads.training import Training
from nwb_autolfads.evaluation.truth import score_against_truth
from nwb_autolfads.search.engines.local import LocalEngine
from nwb_autolfads.search.engines.placement import Placement
from nwb_autolfads.simulate import read_true_activation
from nwb_autolfads.simulate.siblings import Sibling, draw_siblings

WALKERS = ("3Amar", "4Amar", "5Amar")
IN_90_PERCENT = 1.645  # standard deviations on both sides
Session = tuple[xr.DataArray, xr.DataArray]
"""Rectified EMG and true activation."""


def settings_of(steps: int, **changes: Any) -> AutoLFADSConfig:
    """Return the preset quick with so many steps in an epoch, however long they take."""
    return AutoLFADSConfig.preset("quick").with_changes(
        {"training": {"steps_per_epoch": steps, "budget_s": None, **changes}}
    )


def session_of(sibling: Sibling, seconds: float) -> Session:
    """Simulate a session, and preprocess it."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = sibling.simulate(Path(folder) / "session.nwb", seconds)
        with nal.open_emg(path, path="acquisition/EMG") as recording:
            return nal.preprocess(recording), read_true_activation(path)


def r2(estimate: xr.Dataset, truth: xr.DataArray) -> float:
    """Mean over muscles (%)."""
    return 100 * float(score_against_truth({"it": estimate}, truth)["r2"].mean())


def both(model: nal.AutoLFADS, session: Session, name: str | None = None) -> list[float]:
    """Return R2 of the estimate, and of the prediction alone."""
    emg, truth = session
    return [r2(model.estimate(emg, session=name, correct=correct), truth) for correct in (None, False)]


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what some work gives, and the processor time that it took (s)."""
    began = time.process_time()
    found = work()
    return found, time.process_time() - began


line = functools.partial(row, form=".1f")


def summary(what: str, gains: list[list[float]]) -> None:
    """Print mean and least of what is gained, of the estimate and of the prediction (points)."""
    mean, least = np.mean(gains, axis=0), np.min(gains, axis=0)
    print(f"{what}, mean: {mean[0]:+.1f} points, prediction {mean[1]:+.1f}; least: {least[0]:+.1f}, {least[1]:+.1f}")


def together(options: argparse.Namespace) -> None:
    """One model of several sessions beside models of their own, each session trained on for as many steps."""
    head("body", "session", "muscles", "own", "own, prediction", "together", "together, prediction")
    gains = []
    for body in range(options.bodies):
        siblings = draw_siblings(options.first_body + body, options.sessions)
        sessions = {sibling.name: session_of(sibling, options.seconds) for sibling in siblings}
        maker = nal.AutoLFADS(config=settings_of(options.steps), seed=body)
        many = maker.fit({n: emg for n, (emg, _) in sessions.items()})
        for name, session in sessions.items():
            own = both(nal.AutoLFADS(config=settings_of(options.steps), seed=body).fit(session[0]), session)
            joint = both(many, session, name)
            gains.append([j - o for j, o in zip(joint, own, strict=True)])
            line(options.first_body + body, name, session[0].sizes["muscle"], *own, *joint)
    summary("together more than own", gains)


def wiener(options: argparse.Namespace) -> None:
    """Fit the Wiener smoother to a session and to four times as much of it: more than other sessions' spectra give."""
    head("body", "session", "muscles", "fitted to it", "fitted to four times as much")
    gains = []
    for body in range(options.bodies):
        for sibling in draw_siblings(options.first_body + body, options.sessions):
            long, truth = session_of(sibling, 4 * options.seconds)
            short = long[: round(options.seconds * long.attrs["rate"])]
            scores = [r2(nal.WienerSmoother().fit(emg).estimate(short), truth) for emg in (short, long)]
            gains.append(scores[1] - scores[0])
            line(options.first_body + body, sibling.name, short.sizes["muscle"], *scores)
    print(f"fitted to four times as much, mean: {np.mean(gains):+.1f} points; most: {np.max(gains):+.1f}")


def adapt(options: argparse.Namespace) -> None:
    """Adapt to a short new session; beside it, models of that session alone, of it and of ten times as long."""
    head(
        "body", "adapted", "prediction", "s", "own, same length", "prediction", "s", "own, ten times", "prediction", "s"
    )
    gains = []
    for body in range(options.bodies):
        *known, new = draw_siblings(options.first_body + body, options.sessions + 1)
        sessions = {sibling.name: session_of(sibling, options.seconds)[0] for sibling in known}
        many = nal.AutoLFADS(config=settings_of(options.steps), seed=body).fit(sessions)
        long_emg, truth = session_of(new, 10 * options.short)
        short = long_emg[: round(options.short * long_emg.attrs["rate"])]
        adapted, seconds = timed(functools.partial(many.adapt, short, "new"))
        cells: list[float] = [*both(adapted, (short, truth), "new"), seconds]
        for emg in (short, long_emg):
            maker = nal.AutoLFADS(config=settings_of(options.steps), seed=body)
            own, seconds = timed(functools.partial(maker.fit, emg))
            cells += [*both(own, (short, truth)), seconds]
        gains.append([cells[0] - cells[6], cells[1] - cells[7]])
        line(options.first_body + body, *cells)
    summary("adapted more than own of ten times", gains)


def canonical(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return canonical correlations of two series (time, features)."""
    bases = [np.linalg.svd(x - x.mean(0), full_matrices=False)[0] for x in (a, b)]
    return np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)


def aligned(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean correlation of factor with factor, as they are, weighted by their variance."""
    a, b = a - a.mean(0), b - b.mean(0)
    weight = a.std(0) * b.std(0)
    return float(((a * b).mean(0) / np.maximum(weight, 1e-9) * weight).sum() / weight.sum())


def factors(options: argparse.Namespace) -> None:
    """Record one movement in two sets of electrodes; compare the factors of both, bin by bin."""
    head("body", "models", "factor with factor", "canonical correlations, first four")
    for body in range(options.bodies):
        one, other = draw_siblings(options.first_body + body, 2)
        twin = Sibling(other.name, one.seed, one.body, other.muscles, other.levels)  # it records the same movement
        sessions = {s.name: session_of(s, options.seconds)[0] for s in (one, twin)}
        own = [nal.AutoLFADS(config=settings_of(options.steps), seed=body).fit(emg) for emg in sessions.values()]
        many = nal.AutoLFADS(config=settings_of(options.steps), seed=body).fit(sessions)
        for title, estimates in (
            ("own", [m.estimate(emg) for m, emg in zip(own, sessions.values(), strict=True)]),
            ("together", [many.estimate(emg, session=name) for name, emg in sessions.items()]),
        ):
            a, b = (each["factors"].values for each in estimates)
            line(
                options.first_body + body,
                title,
                f"{aligned(a, b):.2f}",
                ", ".join(f"{each:.2f}" for each in canonical(a, b)[:4]),
            )


def hidden(options: argparse.Namespace) -> None:
    """Let the second session lack one muscle of the first; estimate it, beside a ridge regression from the others."""
    head("body", "muscle", "inferred", "ridge", "within 1 standard deviation (%)", "in 90 % interval")
    for body in range(options.bodies):
        one, other = draw_siblings(options.first_body + body, 2)
        emg, _ = session_of(one, options.seconds)
        other_emg, truth = session_of(other, options.seconds)
        muscle = str(other_emg["muscle"].values[0])
        lacking = other_emg.sel(muscle=[m for m in other_emg["muscle"].values if m != muscle])
        model = nal.AutoLFADS(config=settings_of(options.steps), seed=body).fit({"one": emg, "other": lacking})
        found = model.estimate(lacking, session="other", infer_missing=True)
        ours, ridge = r2(found.sel(muscle=[muscle]), truth), best_ridge(emg, lacking, muscle, truth)
        inside = [within(found, truth, muscle, width) for width in (1.0, IN_90_PERCENT)]
        line(options.first_body + body, muscle, ours, ridge, *inside)


def best_ridge(emg: xr.DataArray, lacking: xr.DataArray, muscle: str, truth: xr.DataArray) -> float:
    """Regress a muscle on those that both sessions have, in the first; predict it in the second.

    The best R2 of several smoothers and penalties, chosen by the truth: more than anybody could choose.
    """
    common = [m for m in lacking["muscle"].values if m in emg["muscle"].values]
    smoothers = [nal.WienerSmoother(), *(nal.LowPass(cutoff) for cutoff in (4.0, 7.0, 10.0, 15.0))]
    scores = []
    for smoother in smoothers:
        known, new = (smoother.fit(each).estimate(each)["activation"] for each in (emg, lacking))
        x, y = known.sel(muscle=common).values, known.sel(muscle=muscle).values
        x, y = x - x.mean(0), y - y.mean()
        for alpha in (1e-3, 1e-2, 1e-1, 1.0, 10.0):
            penalty = alpha * len(x) * x.var(0).mean() * np.eye(len(common))
            predicted = new.sel(muscle=common).values @ np.linalg.solve(x.T @ x + penalty, x.T @ y)
            here = xr.DataArray(predicted[:, None], dims=("time", "muscle"), coords={"muscle": [muscle]})
            scores.append(r2(here.assign_coords(time=new["time"]).to_dataset(name="activation"), truth))
    return max(scores)


def within(found: xr.Dataset, truth: xr.DataArray, muscle: str, width: float) -> float:
    """Return in how many bins (%) the truth, in the estimate's unit, is within so many standard deviations."""
    estimate, std = (found[name].sel(muscle=muscle).values for name in ("activation", "activation_std"))
    true = np.interp(found["time"].values, truth["time"].values, truth.sel(muscle=muscle).values)
    known = np.isfinite(estimate)
    scale = (estimate[known] * true[known]).sum() / np.square(true[known]).sum()
    return 100 * float((np.abs(scale * true - estimate)[known] < width * std[known]).mean())


def cost(options: argparse.Namespace) -> None:
    """Time and memory of a gradient step against the number of sessions, 60 s each."""
    head("sessions", "ms for a step", "of one session", "MiB more than before", "data (MiB)")
    emg, _ = session_of(draw_siblings(options.first_body, 1)[0], 60.0)
    rng, first = np.random.default_rng(0), 0.0
    for count in (1, 2, 4, 8, 16):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        sessions = {str(n): emg.copy(data=rng.permutation(emg.values)) for n in range(count)}
        prepared = Prepared.of(settings_of(16 // count, validation_windows=16), sessions)
        with Training.of(prepared, 0, Placement()) as training:
            engine, taken = training.engine, []
            assert isinstance(engine, LocalEngine)
            engine.train(1)
            for _ in range(options.repeats):
                taken.append(timed(engine._train_epoch)[1] / 16)
        step = 1e3 * statistics.median(taken)
        first = first or step
        data = sum(e.values.nbytes for e in sessions.values()) / 2**20
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
        line(count, step, f"{step / first:.2f}", memory, data)


def knee(options: argparse.Namespace) -> None:
    """Decode the knee's angle of people who walk: from one model of all, one of each, one of the others that adapts."""
    people = {each.name: each for each in knee_sessions(options.data / "knee4", WALKERS)}
    if len(people) < len(WALKERS):
        sys.exit(f"real recordings are not here: {options.data / 'knee4'} does not hold {', '.join(WALKERS)}")
    columns = ("R2", "prediction", "R2 without the cycle", "prediction")
    head("person", "seconds", "model", *columns)
    emgs = {name: each.emg for name, each in people.items()}
    settings = settings_of(options.steps)
    every = nal.AutoLFADS(config=settings).fit(emgs)
    for name, person in people.items():
        models = {"own": nal.AutoLFADS(config=settings).fit(person.emg), "together": every}
        if name in options.adapt_to:
            others = {other: emg for other, emg in emgs.items() if other != name}
            models["adapted"] = nal.AutoLFADS(config=settings).fit(others).adapt(person.emg, name)
        for title, model in models.items():
            line(name, f"{np.ptp(person.time):.0f}", title, *decoded(model, person))


def decoded(model: nal.AutoLFADS, person: KneeSession) -> list[float]:
    """Return R2 of the angle (%), in total and without the cycle, each of the estimate and of the prediction alone."""
    name = person.name if len(model.card.names) > 1 else None
    pair = [person.r2(model.estimate(person.emg, session=name, correct=correct)) for correct in (None, False)]
    return [100 * r2 for both_kinds in zip(*pair, strict=True) for r2 in both_kinds]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["together", "wiener", "adapt", "factors", "hidden", "cost", "knee"])
    parser.add_argument("--bodies", type=int, default=1)
    parser.add_argument("--first-body", type=int, default=11, help="seed of the first body")
    parser.add_argument("--sessions", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of each session")
    parser.add_argument("--short", type=float, default=30.0, help="length of the new session, for adapt (s)")
    parser.add_argument("--steps", type=int, default=25, help="in each of 20 epochs, for each session")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--data", type=Path, default=SHARED_DATA, help="folder of the real recordings")
    adapting = "walkers that a model of the others adapts to, for knee"
    parser.add_argument("--adapt-to", nargs="*", choices=WALKERS, default=WALKERS, metavar="NAME", help=adapting)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    globals()[options.what](options)


if __name__ == "__main__":
    main()
