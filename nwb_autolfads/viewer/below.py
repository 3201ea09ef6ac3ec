"""What opens below the picture when it is asked for: a muscle around events, and the quality of the EMG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nwb_autolfads.errors import NwbAutolfadsError
from nwb_autolfads.viewer.opening import SessionOf

if TYPE_CHECKING:
    import xarray as xr
    from dash import Dash
    from dash.development.base_component import Component

    from nwb_autolfads.viewer.session import Session

AROUND_S = (0.5, 1.0)
"""Shown before and after an event until something else is asked for."""
_COLUMNS = {
    "snr_db": ("bursts over rest (dB)", "{:.1f}"),
    "movement_share": ("movement", "{:.1%}"),
    "mains_share": ("mains", "{:.1%}"),
    "saturated_share": ("at a rail", "{:.1%}"),
    "missing_share": ("missing", "{:.1%}"),
}


def sections(session: Session) -> list[Component]:
    """Return the elements, closed; nothing of them is computed yet."""
    from dash import dcc, html

    from nwb_autolfads.viewer.trials import LONGEST_S

    kinds = [*session.events, *session.intervals]
    around = html.Details(
        [
            html.Summary("Around events: single trials and their average"),
            html.Div(
                [
                    _labelled("Muscle", dcc.Dropdown(session.muscles, _first(session.muscles), id="around-muscle")),
                    _labelled("Events", dcc.Dropdown(kinds, _first(kinds), id="around-events")),
                    *(
                        _labelled(
                            f"Seconds {name}",
                            dcc.Input(
                                id=f"around-{name}", type="number", value=value, min=0, max=LONGEST_S, step="any"
                            ),
                        )
                        for name, value in zip(("before", "after"), AROUND_S, strict=True)
                    ),
                    html.Button("Draw", id="around-draw"),
                ],
                className="asked",
            ),
            dcc.Loading(html.Div(id="around-drawn")),
        ],
        hidden=not kinds,
    )
    quality = html.Details(
        [
            html.Summary("Quality of the EMG, muscle by muscle"),
            html.Div(
                html.Button(
                    "Show", id="quality-judge", title="All of it is read for that, which takes a while at first"
                ),
                className="asked",
            ),
            dcc.Loading(html.Div(id="quality-judged")),
        ],
        hidden=session.recording is None,
    )
    return [around, quality]


def answer(app: Dash, session: SessionOf) -> None:
    """Let the application compute what is asked for below the picture."""
    from dash import Input, Output, State, dcc, html

    @app.callback(
        Output("around-drawn", "children"),
        Input("around-draw", "n_clicks"),
        State("around-muscle", "value"),
        State("around-events", "value"),
        State("around-before", "value"),
        State("around-after", "value"),
        State("chosen", "data"),
        prevent_initial_call=True,
    )
    def draw(_clicks: int, muscle: Any, events: Any, before: Any, after: Any, chosen: Any) -> Component:
        from nwb_autolfads.viewer.figures import plot_around

        try:
            figure = plot_around(
                session(),
                str(events),
                str(muscle),
                before=_seconds(before),
                after=_seconds(after),
                estimates=chosen["estimates"],
                narrow=bool(chosen["narrow"]),
                dark=bool(chosen["dark"]),
            )
        except NwbAutolfadsError as error:
            return html.P(str(error), role="alert")
        return dcc.Graph(figure=figure, config={"displaylogo": False, "responsive": True})

    @app.callback(Output("quality-judged", "children"), Input("quality-judge", "n_clicks"), prevent_initial_call=True)
    def judge(_clicks: int) -> Component:
        from nwb_autolfads.viewer.quality import quality_of

        try:
            return quality_table(quality_of(session()))
        except NwbAutolfadsError as error:
            return html.P(str(error), role="alert")


def quality_table(quality: xr.Dataset) -> Component:
    """Return the quality of each muscle as a table.

    Parameters
    ----------
    quality : Dataset, (muscle,)
        See `nwb_autolfads.emg.quality.assess_quality`.
    """
    from dash import html

    heads = ["muscle", "usable", *(title for title, _ in _COLUMNS.values()), "cross-talk", "advice"]
    body = []
    for muscle in quality["muscle"].values:
        one = quality.sel(muscle=muscle)
        cells = ["yes" if bool(one["usable"]) else f"no: {one['reason'].item()}"]
        cells += [form.format(float(one[name])) for name, (_, form) in _COLUMNS.items()]
        cells += [f"{float(one['crosstalk']):.2f} {one['crosstalk_with'].item()}", str(one["advice"].item())]
        body.append(html.Tr([html.Th(str(muscle), scope="row"), *(html.Td(cell) for cell in cells)]))
    head = html.Thead(html.Tr([html.Th(each, scope="col") for each in heads]))
    return html.Div(html.Table([head, html.Tbody(body)]), className="table", tabIndex=0)


def _labelled(label: str, control: Component) -> Component:
    from dash import html

    return html.Div([html.Label(label, htmlFor=control.id), control], className="choice")


def _first(names: list[str]) -> str | None:
    return names[0] if names else None


def _seconds(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
