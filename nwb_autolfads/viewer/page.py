"""The page: controls of Dash around one picture that a script of ours draws, and what opens below it when asked for."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from nwb_autolfads.errors import NwbAutolfadsError
from nwb_autolfads.palette import (
    BLUE,
    EMG_GREY,
    FAINT_GREY,
    LINE_GREY,
    NIGHT,
    NIGHT_BOX,
    NIGHT_LINE,
    ORANGE,
    PAPER_GREY,
    QUIET_TEXT,
    SKY,
    TEXT,
    WARNING_TEXT,
    WHITE,
)
from nwb_autolfads.viewer.below import answer, sections
from nwb_autolfads.viewer.opening import SessionOf
from nwb_autolfads.viewer.server import DISAGREE, guard, serve_signals

if TYPE_CHECKING:
    from dash import Dash
    from dash.development.base_component import Component

    from nwb_autolfads.viewer.session import Session


def make_app(session: SessionOf, token: str) -> Dash:
    """Return the page on a session as an application.

    Parameters
    ----------
    session : callable
        Gives the session, which is open as long as the page is; called when a request needs it.
    token : str
        Without it nothing is served.
    """
    from dash import ClientsideFunction, Dash, Input, Output

    app = Dash(
        "nwb_autolfads_viewer",
        title="nwb-autolfads",  # put into the page as it is; our script adds the name of the file
        update_title="",
        url_base_pathname=f"/{token}/",
        assets_folder=str(files("nwb_autolfads.viewer").joinpath("assets")),
        serve_locally=True,
        suppress_callback_exceptions=True,
    )
    app.index_string = app.index_string.replace("<html>", '<html lang="en">').replace(
        "{%css%}", f"<style>{style()}</style>{{%css%}}"
    )
    app.layout = lambda: _layout_or_why_not(session)
    app.clientside_callback(
        ClientsideFunction("viewer", "show"),
        Output("chosen", "data"),
        *(Input(name, "value") for name in ("muscles", "estimates", "layers", "happened", "event-kind")),
    )
    answer(app, session)
    serve_signals(app.server, token, session)
    # Styles are set one by one by React and Plotly. Scripts are files of Dash and ours, and the line that starts it.
    hashes = " ".join(app.csp_hashes())
    policy = (
        f"default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    guard(app.server, token, policy)
    return app


def style() -> str:
    """Return the colours of the page, in the light and in the dark."""
    names = ("paper", "text", "quiet", "line", "box", "warning", "focus")
    light = (WHITE, TEXT, QUIET_TEXT, LINE_GREY, PAPER_GREY, WARNING_TEXT, BLUE)
    dark = (NIGHT, FAINT_GREY, EMG_GREY, NIGHT_LINE, NIGHT_BOX, ORANGE, SKY)
    by_day, by_night = (
        "".join(f"--{name}:{colour};" for name, colour in zip(names, colours_, strict=True))
        for colours_ in (light, dark)
    )
    return f":root{{color-scheme:light dark;{by_day}}}@media (prefers-color-scheme:dark){{:root{{{by_night}}}}}"


def _layout_or_why_not(session: SessionOf) -> Component:
    from dash import html
    from flask import request

    if not request.path.endswith("/_dash-layout"):  # Dash checks a layout before it answers at all
        return html.Main()
    try:
        return layout(session())
    except NwbAutolfadsError as error:
        return html.Main(html.P(str(error), role="alert"))


def layout(session: Session) -> Component:
    """Return the elements of the page, from the top down."""
    from dash import dcc, html

    from nwb_autolfads.viewer.rows import colours, happened

    session.looked_at.set()
    kinds, events = _kinds(session), happened(session)
    return html.Main(
        [
            html.H1(session.title),
            dcc.Store(id="chosen"),
            html.Div(
                [
                    _choice("Muscles", "muscles", dict.fromkeys(session.muscles, ""), most=MOST_MUSCLES),
                    _choice("Estimates", "estimates", colours(session)),
                    _choice("Layers", "layers", dict.fromkeys(_layers(session), "")),
                    _choice(
                        "Events",
                        "happened",
                        {kind: colour for kind, (_, colour) in events.items()},
                        {kind: name for kind, (name, _) in events.items()},
                        most=MOST_KINDS,
                    ),
                    html.Div(
                        [
                            html.Label("Jump between", htmlFor="event-kind"),
                            dcc.Dropdown(kinds, kinds[0]["value"] if kinds else None, id="event-kind", clearable=False),
                        ],
                        className="choice",
                        hidden=not kinds,
                    ),
                ],
                id="controls",
            ),
            html.Div(
                [html.Button(text, id=name, title=hint, **{"aria-label": hint}) for name, text, hint in BUTTONS],
                id="buttons",
                role="toolbar",
                **{"aria-label": "Move in time"},
            ),
            html.Div(
                id="session",
                tabIndex=0,
                role="application",
                **{"aria-label": "The session over time. Arrow keys move, plus and minus zoom."},
            ),
            html.P(id="status", role="status"),
            html.P(id="readout", role="status", hidden=True),
            *sections(session),
            html.Details([html.Summary("Keys"), html.P(KEYS)]),
            html.Details(
                [html.Summary(f"Not drawn ({len(session.notes)})"), html.Ul([html.Li(each) for each in session.notes])],
                hidden=not session.notes,
            ),
        ]
    )


MOST_MUSCLES, MOST_KINDS = 16, 4
"""Muscles, and kinds of events, that are drawn before others are chosen."""
BUTTONS = (
    ("go-first", "|<", "To the start (Home)"),
    ("go-left", "<", "Left (arrow)"),
    ("go-right", ">", "Right (arrow)"),
    ("go-last", ">|", "To the end (End)"),
    ("zoom-in", "+", "Zoom in (+)"),
    ("zoom-out", "-", "Zoom out (-)"),
    ("zoom-all", "all", "The whole session (0)"),
    ("event-before", "< event", "Event before (p)"),
    ("event-after", "event >", "Next event (n)"),
)
KEYS = (
    "Left and right arrow: move, while held. Page up and page down: a whole view. Home and End: start and end. "
    "+ and -: zoom. 0: the whole session. n and p: next event and the one before; "
    "of moments worth a look, the next worst. [ and ]: lower and higher rows. "
    "c: what is drawn at a moment, in numbers; , and . move it. "
    "By mouse: point to read numbers, drag to move, turn the wheel with Ctrl to zoom."
)


def _kinds(session: Session) -> list[dict[str, str]]:
    """Return what one can jump between: events, intervals, and moments that are worth a look."""
    from nwb_autolfads.viewer.rows import happened
    from nwb_autolfads.viewer.session import EMG

    kinds = [{"label": name, "value": kind} for kind, (name, _) in happened(session).items()]
    if len(kinds) > 1:
        kinds.insert(0, {"label": "all events that are drawn", "value": "drawn:"})
    if len(session.estimates) > 1:
        kinds.append({"label": "where estimates disagree most", "value": f"moment:{DISAGREE}"})
    if EMG in session.signals:
        kinds += [{"label": f"where {name} fits worst", "value": f"moment:{name}"} for name in session.estimates]
    return kinds


def _layers(session: Session) -> list[str]:
    groups = {
        "EMG": "emg",
        "uncertainty": "band/",
        "factors": "factors/",
        "inputs": "inputs/",
        "spikes": "spikes",
        "movement": "movement/",
    }
    found = [name for name, key in groups.items() if any(each.startswith(key) for each in session.signals)]
    return found


def _choice(
    label: str, name: str, colour: dict[str, str], labels: dict[str, str] | None = None, most: int | None = None
) -> Component:
    """Return boxes to tick: each value with its colour, "" for none; at most so many are ticked at first."""
    from dash import dcc, html

    shown = [
        {
            "label": html.Span((labels or {}).get(each, each), style={"borderBottom": f"3px solid {of}"} if of else {}),
            "value": each,
        }
        for each, of in colour.items()
    ]
    return html.Fieldset(
        [html.Legend(label), dcc.Checklist(shown, list(colour)[:most], id=name, inline=True)],
        className="choice",
        hidden=not colour,
    )
