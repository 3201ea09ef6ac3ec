"""What is drawn in which row of the page: a description that the page's script draws, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.errors import NwbAutolfadsError
from nwb_autolfads.estimators.registry import is_trained
from nwb_autolfads.palette import BLUE, COLOURS, EMG_GREY, GREEN, ORANGE, PURPLE, SKY, VERMILION
from nwb_autolfads.report.colours import colours_of
from nwb_autolfads.viewer.session import EMG, SPIKES, Session
from nwb_autolfads.viewer.signals.pyramid import STEP, TILE, Pyramid
from nwb_autolfads.viewer.signals.signal import Signal

Row = dict[str, Any]
LATENTS = ("factors", "inputs")
EVENT_COLOURS = (PURPLE, GREEN, ORANGE, SKY, BLUE, VERMILION)
"""Of kinds of events, those first that estimates rarely have."""

_GLANCES, _GLANCED = 4, 2000  # excerpts, and samples of each, that tell how large a signal is
_HIGH = 0.999  # quantile that fits into a row
_ROOM = 1.6  # for EMG above the estimate of its mean


def described(session: Session) -> dict[str, Any]:
    """Return all that the page's script must know of a session, as JSON can hold it.

    Returns
    -------
    dict
        ``title``, ``span`` (s), ``tile`` and ``step``; ``signals``: of each its start (s), rate (Hz), number of bins,
        levels and channels; ``units``: how many there are; ``rows``, see `rows`; ``events`` and ``intervals`` (s), and
        ``happened``, the colours of both; ``colours`` of the estimates.
    """
    start, stop = session.span
    return {
        "title": session.title,
        "span": [start, stop],
        "tile": TILE,
        "step": STEP,
        "signals": {
            key: {
                "start": each.start,
                "rate": each.rate,
                "bins": each.n_bins,
                "levels": each.n_levels,
                "channels": each.channels,
            }
            for key, each in session.signals.items()
        },
        "units": len(session.signals[SPIKES].columns) if SPIKES in session.signals else 0,
        "rows": rows(session),
        "events": {name: times.tolist() for name, times in session.events.items()},
        "intervals": {name: edges.tolist() for name, edges in session.intervals.items()},
        "happened": {kind: colour for kind, (_, colour) in happened(session).items()},
        "colours": colours(session),
    }


def colours(session: Session) -> dict[str, str]:
    """Return the colour of each estimate: that of its estimator, as in the report."""
    made_by = {name: str(each.excerpt.attrs["estimator"]) for name, each in session.estimates.items()}
    return colours_of(session.estimates, made_by)


def happened(session: Session) -> dict[str, tuple[str, str]]:
    """Return name and colour of each kind of events and intervals, by what the page calls it: ``event:NAME``."""
    kinds = {f"event:{name}": name for name in session.events}
    kinds |= {f"interval:{name}": name for name in session.intervals}
    return {kind: (name, EVENT_COLOURS[at % len(EVENT_COLOURS)]) for at, (kind, name) in enumerate(kinds.items())}


def rows(session: Session) -> list[Row]:
    """Return the rows from the top down.

    Returns
    -------
    list of dict
        ``id``, ``group`` (muscle, factors, inputs, spikes, movement), ``label``, ``unit``, the ``range`` of values
        that it shows, and its ``layers`` from the back to the front: each with the ``signal`` and ``column`` that it
        draws, how (``fill``, ``band``, ``line``, ``raster``), the ``colour``, and of which ``estimate`` it is.
    """
    return [*_muscles(session), *_latents(session), *_spikes(session), *_movement(session)]


def _muscles(session: Session) -> Iterator[Row]:
    colour = colours(session)
    # What is trained lies over the others, as in the report.
    names = sorted(session.estimates, key=lambda name: is_trained(session.estimates[name].excerpt))
    sources = [("fill", EMG, "", EMG_GREY)]
    sources += [("band", f"band/{name}", name, colour[name]) for name in names]
    sources += [("line", f"activation/{name}", name, colour[name]) for name in names]
    telling = [key for kind, key, _, _ in sources if kind == "line"] or [EMG]
    high = {key: _range(session, key)[1] for key in telling if key in session.signals}
    for number, muscle in enumerate(session.muscles):
        layers, tops = [], [0.0]
        for kind, key, estimate, shown in sources:
            columns = _signal(session, key).columns if key in session.signals else ()
            if muscle in columns:
                column = columns.index(muscle)
                layers.append(_layer(key, column, kind, shown, estimate))
                tops += [float(high[key][column])] if key in high else []
        top = max(tops) * (1.0 if telling == [EMG] else _ROOM)
        yield _row(f"muscle/{number}", "muscle", muscle, session.unit, [0.0, top or 1.0], layers)


def _latents(session: Session) -> Iterator[Row]:
    for kind in LATENTS:
        for name in session.estimates:
            key = f"{kind}/{name}"
            if key in session.signals:
                layers = _columns(session, key, estimate=name)
                if (band := f"{kind}_band/{name}") in session.signals:
                    layers = [{**layer, "signal": band, "kind": "band", "name": ""} for layer in layers] + layers
                label = f"{'inferred inputs' if kind == 'inputs' else kind} of {name}"
                yield _row(key, kind, label, _signal(session, key).unit, _span_of(session, key), layers)


def _spikes(session: Session) -> Iterator[Row]:
    if SPIKES in session.signals:
        n_units = len(session.signals[SPIKES].columns)
        yield _row(SPIKES, "spikes", f"spikes of {n_units} units", "", [0.0, 1.0], [_layer(SPIKES, 0, "raster", "")])


def _movement(session: Session) -> Iterator[Row]:
    for key in (each for each in session.signals if each.startswith("movement/")):
        label = key.rpartition("/")[2]
        yield _row(key, "movement", label, _signal(session, key).unit, _span_of(session, key), _columns(session, key))


def _row(key: str, group: str, label: str, unit: str, limits: list[float], layers: list[dict[str, Any]]) -> Row:
    return {"id": key, "group": group, "label": label, "unit": unit, "range": limits, "layers": layers}


def _layer(signal: str, column: int, kind: str, colour: str, estimate: str = "", name: str = "") -> dict[str, Any]:
    return {"signal": signal, "column": column, "kind": kind, "colour": colour, "estimate": estimate, "name": name}


def _columns(session: Session, key: str, estimate: str = "") -> list[dict[str, Any]]:
    return [
        _layer(key, column, "line", COLOURS[column % len(COLOURS)], estimate, name)
        for column, name in enumerate(_signal(session, key).columns)
    ]


def _signal(session: Session, key: str) -> Signal:
    found = session.signals[key]
    assert isinstance(found, Pyramid)
    return found.signal


def _span_of(session: Session, key: str) -> list[float]:
    low, high = _range(session, key)
    return [float(low.min()), float(high.max())] if low.min() < high.max() else [-1.0, 1.0]


def _range(session: Session, key: str) -> tuple[NDArray, NDArray]:
    """Return what nearly all values of each column lie between, judged by a few excerpts; 0 where nothing is known."""
    signal = _signal(session, key)
    parts = []
    for part in signal.segments.excerpts(_GLANCES, _GLANCED):
        try:
            with session.turns:
                parts.append(np.stack(signal.read(part.first_sample, part.stop)))
        except NwbAutolfadsError:  # said where it is drawn
            continue
    values = np.concatenate(parts, axis=1) if parts else np.zeros((2, 1, len(signal.columns)), np.float32)
    low, high = values
    known = np.all(np.isfinite(values).any(axis=1), axis=0)
    found = np.zeros((2, len(signal.columns)))
    if known.any():
        found[0, known] = np.nanquantile(low[:, known], 1 - _HIGH, axis=0)
        found[1, known] = np.nanquantile(high[:, known], _HIGH, axis=0)
    found = np.nan_to_num(found)
    return found[0], found[1]
