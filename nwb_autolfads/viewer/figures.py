"""Views of a session as figures of Plotly, for the page and for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nwb_autolfads.errors import ConfigError, SignalError, shown
from nwb_autolfads.given import muscles_among, number
from nwb_autolfads.palette import EMG_GREY, FAINT_GREY, LINE_GREY, NIGHT, NIGHT_LINE, PURPLE, TEXT, WHITE
from nwb_autolfads.viewer.rows import colours, happened, rows
from nwb_autolfads.viewer.session import EMG, SPIKES, Session
from nwb_autolfads.viewer.signals.pyramid import STEP, TILE, Pyramid
from nwb_autolfads.viewer.signals.spikes import Raster
from nwb_autolfads.viewer.trials import times_of, trials_of

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

WIDE = 1400
"""Blocks of a stretch, about as many as a picture has pixels."""
_ROW, _MARGIN = 90, 60  # pixels
_MOST_LINES = 300  # events that are drawn in a stretch


def plot_stretch(
    session: Session,
    start: float,
    stop: float,
    *,
    muscles: Sequence[str] | None = None,
    estimates: Sequence[str] | None = None,
    events: str | Sequence[str] = (),
    groups: Sequence[str] | None = None,
    dark: bool = False,
) -> Figure:
    """Draw a stretch of a session: a row for each muscle, and for factors, inputs, spikes and movement.

    Parameters
    ----------
    session : Session
    start, stop : float
        The stretch (s); however long it is, lowest and highest values of about a thousand blocks are drawn.
    muscles, estimates : sequence of str, optional
        Those that are drawn; by default all.
    events : str or sequence of str
        Kinds of events or intervals: their times, or their starts, are drawn, each kind in its colour.
    groups : sequence of str, optional
        Kinds of rows: ``muscle``, ``factors``, ``inputs``, ``spikes``, ``movement``; by default all.
    dark : bool
        Whether it is shown on a dark page.

    Returns
    -------
    plotly.graph_objects.Figure
        Values in the units that the rows say.

    Raises
    ------
    SignalError
        If the stretch is empty, or nothing of what was asked for is there.
    ConfigError
        If start or stop are no numbers, or there is no muscle of a name.
    """
    from plotly.subplots import make_subplots

    start, stop = number(start, "start", "stretch"), number(stop, "stop", "stretch")
    if not start < stop:
        raise SignalError(f"{start:g} to {stop:g} s is no stretch of time", way_out="Give a stop after the start")
    chosen = muscles_among(session.muscles if muscles is None else muscles, session.muscles)
    kinds = _kinds_of(session, [events] if isinstance(events, str) else events)
    drawn = [row for row in rows(session) if groups is None or row["group"] in groups]
    drawn = [row for row in drawn if row["group"] != "muscle" or row["label"] in chosen]
    if not drawn:
        there = dict.fromkeys(row["group"] for row in rows(session))
        raise SignalError("nothing of it would be drawn", way_out=f"There are {', '.join(there)}", obj=session.title)
    figure = make_subplots(rows=len(drawn), shared_xaxes=True, vertical_spacing=0.1 / len(drawn))
    for at, row in enumerate(drawn, start=1):
        for layer in row["layers"]:
            if estimates is None or layer["estimate"] in ("", *estimates):
                draw = _raster if layer["kind"] == "raster" else _trace
                figure.add_trace(draw(session, layer, start, stop, dark), row=at, col=1)
        label = f"{escape(row['label'])}<br>{escape(row['unit'])}"
        limits = [-0.5, len(session.signals[SPIKES].columns) - 0.5] if row["group"] == "spikes" else row["range"]
        figure.update_yaxes(title={"text": label, "font": {"size": 10}}, range=limits, row=at, col=1)
    for name, colour in kinds.items():
        for time in _within(times_of(session, name), start, stop):
            figure.add_vline(x=time, line={"color": colour, "width": 1}, opacity=0.6)
        figure.add_trace(_key_of(name, colour), row=1, col=1)
    figure.update_xaxes(range=[start, stop])
    figure.update_xaxes(title="time (s)", row=len(drawn), col=1)
    return _styled(figure, _ROW * len(drawn) + 2 * _MARGIN, dark).update_layout(showlegend=bool(kinds))


def plot_around(
    session: Session,
    events: str,
    muscle: str,
    *,
    before: float = 0.5,
    after: float = 1.0,
    estimates: Sequence[str] | None = None,
    narrow: bool = False,
    dark: bool = False,
) -> Figure:
    """Draw a muscle around events: single trials and their average, for each estimate.

    Parameters
    ----------
    session : Session
    events : str
        Name of the events or intervals.
    muscle : str
    before, after : float
        How much before and after each event (s).
    estimates : sequence of str, optional
        Those that are drawn; by default all.
    narrow : bool
        Whether estimates are drawn below each other, for a narrow page.
    dark : bool
        Whether it is shown on a dark page.

    Returns
    -------
    plotly.graph_objects.Figure
        Where there is no estimate, of the EMG.

    Raises
    ------
    SignalError
        See `nwb_autolfads.viewer.trials.trials_of`; or if no estimate has the muscle.
    """
    from plotly.graph_objects import Scatter
    from plotly.subplots import make_subplots

    named = {name: f"activation/{name}" for name in session.estimates if estimates is None or name in estimates}
    named = {name: key for name, key in (named or {"EMG": EMG}).items() if key in session.signals}
    named = {name: key for name, key in named.items() if muscle in session.signals[key].columns}
    if not named:
        raise SignalError(
            "nothing that was chosen has this muscle",
            way_out=f"Choose another one: {', '.join(session.muscles)}",
            obj=muscle,
        )
    of_all = {name: trials_of(session, key, muscle, events, before, after) for name, key in named.items()}
    titles = [f"{escape(name)}, {len(each.times)} trials" for name, each in of_all.items()]
    n_rows, n_columns = (len(named), 1) if narrow else (1, len(named))
    figure = make_subplots(n_rows, n_columns, shared_xaxes=True, shared_yaxes="all", subplot_titles=titles)
    colour = {"EMG": EMG_GREY} | colours(session)
    for at, (name, trials) in enumerate(of_all.items(), start=1):
        place = {"row": at, "col": 1} if narrow else {"row": 1, "col": at}
        # One line with gaps: a hundred of them would take a browser long.
        time = np.concatenate([np.append(trials.from_event, np.nan)] * len(trials.times))
        single = np.pad(trials.values, ((0, 0), (0, 1)), constant_values=np.nan).ravel()
        thin, thick = ({"color": colour[name], "width": width} for width in (1, 3))
        figure.add_trace(Scatter(x=time, y=single, line=thin, opacity=0.25, hoverinfo="skip"), **place)
        figure.add_trace(Scatter(x=trials.from_event, y=trials.mean, line=thick, name=escape(name)), **place)
    figure.add_vline(x=0, line={"color": PURPLE, "width": 1})
    figure.update_xaxes(title=f"time from {escape(events)} (s)", row=n_rows)
    figure.update_yaxes(title=f"{escape(muscle)} ({escape(session.unit)})", col=1)
    return _styled(figure, 320 * n_rows + _MARGIN, dark)


def _kinds_of(session: Session, names: Sequence[str]) -> dict[str, str]:
    """Return the colour of each kind of events or intervals."""
    there = dict(happened(session).values())
    for name in names:
        if name not in there:
            problem, way_out = f"no events are called {shown(name)}", f"There are {', '.join(there) or 'none'}"
            raise ConfigError(problem, way_out=way_out, obj=session.title)
    return {name: there[name] for name in names}


def _key_of(name: str, colour: str) -> Any:
    """Return an entry of the legend, and nothing else: the lines of events are no traces."""
    from plotly.graph_objects import Scatter

    return Scatter(x=[None], y=[None], mode="lines", line={"color": colour}, name=escape(name), showlegend=True)


def _raster(session: Session, layer: dict[str, Any], start: float, stop: float, dark: bool) -> Any:
    """Return how many spikes of each unit are in each block, the first unit at the bottom."""
    from plotly.graph_objects import Heatmap

    time, blocks = _blocks(session.signals[layer["signal"]], start, stop)
    shades = [[0, NIGHT if dark else WHITE], [1, FAINT_GREY if dark else TEXT]]
    return Heatmap(x=time, z=blocks[0], colorscale=shades, showscale=False, hoverinfo="skip")


def _trace(session: Session, layer: dict[str, Any], start: float, stop: float, _dark: bool) -> Any:
    from plotly.graph_objects import Scatter

    time, blocks = _blocks(session.signals[layer["signal"]], start, stop)
    low, high = blocks[:, layer["column"]]
    name = escape(layer["name"] or layer["estimate"] or "EMG")
    if layer["kind"] == "line":
        both = np.stack([low, high], axis=1).ravel()
        line = {"color": layer["colour"], "width": 1.3}
        return Scatter(
            x=np.repeat(time, 2), y=both, line=line, name=name, mode="lines", connectgaps=False, showlegend=False
        )
    low = np.zeros_like(low) if layer["kind"] == "fill" else low
    known = np.isfinite(low) & np.isfinite(high)
    around = np.concatenate([time[known], time[known][::-1]])
    edge = np.concatenate([high[known], low[known][::-1]])
    return Scatter(
        x=around,
        y=edge,
        fill="toself",
        fillcolor=layer["colour"],
        opacity=0.35,
        mode="none",
        name=name,
        hoverinfo="skip",
        showlegend=False,
    )


def _blocks(signal: Pyramid | Raster, start: float, stop: float) -> tuple[NDArray, NDArray]:
    """Return times (s) of about `WIDE` blocks from start to stop, and what is in them, (channel, column, block)."""
    level = 0
    while (stop - start) * signal.rate / STEP**level > WIDE and level < signal.n_levels - 1:
        level += 1
    width = STEP**level / signal.rate
    first = max(0, int((start - signal.start) / width))
    last = min(-(-signal.n_bins // STEP**level), int(np.ceil((stop - signal.start) / width)))
    if first >= last:
        return np.empty(0), np.empty((signal.channels, len(signal.columns), 0))
    tiles = [signal.tile(level, index)[0] for index in range(first // TILE, (last - 1) // TILE + 1)]
    skipped = first % TILE
    blocks = np.concatenate(tiles, axis=2)[:, :, skipped : skipped + last - first]
    return signal.start + (np.arange(first, last) + 0.5) * width, blocks


def _within(times: NDArray[np.float64], start: float, stop: float) -> list[float]:
    return times[(times >= start) & (times <= stop)][:_MOST_LINES].tolist()


def _styled(figure: Figure, height: int, dark: bool) -> Figure:
    paper, text, line = (NIGHT, FAINT_GREY, NIGHT_LINE) if dark else (WHITE, TEXT, LINE_GREY)
    figure.update_layout(
        height=height,
        showlegend=False,
        paper_bgcolor=paper,
        plot_bgcolor=paper,
        font={"color": text},
        margin={"l": _MARGIN, "r": 20, "t": 40, "b": 50},
    )
    figure.update_xaxes(gridcolor=line, zerolinecolor=line)
    figure.update_yaxes(gridcolor=line, zerolinecolor=line)
    return figure
