"""Who may ask for what: this machine only, with the token of this run, for what is drawn of one file."""

from __future__ import annotations

import hmac
import json
import re
import secrets
import socket
import struct
from dataclasses import asdict
from http import HTTPStatus
from typing import TYPE_CHECKING

from nwb_autolfads.errors import NwbAutolfadsError, OutputError
from nwb_autolfads.viewer.opening import SessionOf

if TYPE_CHECKING:
    from flask import Flask, Response
    from werkzeug.serving import BaseWSGIServer

    from nwb_autolfads.viewer.signals.pyramid import Pyramid
    from nwb_autolfads.viewer.signals.spikes import Raster

HOST = "127.0.0.1"
DISAGREE = ""
"""What the moments at which estimates disagree are called, beside those of an estimate, which has a name."""
MOST_TILES = 16
"""In one answer."""
_TILE = re.compile(r"\d{1,4}\.\d{1,2}\.\d{1,15}", re.ASCII)
_NAMES = (HOST, "localhost")
"""How this machine may be called by a page that asks it; any other name is a stranger's that leads here."""


def new_token() -> str:
    """Return what nobody guesses: 256 bits, as text for an address."""
    return secrets.token_urlsafe(32)


def guard(app: Flask, token: str, policy: str) -> None:
    """Refuse every request but those of our own page.

    Parameters
    ----------
    app : Flask
    token : str
        The first part of every address.
    policy : str
        Content Security Policy of the page.
    """
    from flask import abort, request

    @app.before_request
    def refuse_strangers() -> None:
        port = request.environ.get("SERVER_PORT", "")
        hosts = {name if port == "80" else f"{name}:{port}" for name in _NAMES}
        given = request.path.split("/")[1]
        origin = request.headers.get("Origin")
        if request.host not in hosts or (origin is not None and origin not in {f"http://{host}" for host in hosts}):
            abort(HTTPStatus.FORBIDDEN)
        if not hmac.compare_digest(given.encode("utf-8", "replace"), token.encode()):
            abort(HTTPStatus.FORBIDDEN)

    @app.after_request
    def keep_to_ourselves(response: Response) -> Response:
        response.headers.update(
            {
                "Content-Security-Policy": policy,
                "Cross-Origin-Resource-Policy": "same-origin",
                "Cross-Origin-Opener-Policy": "same-origin",
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
                "X-Frame-Options": "DENY",
                "Cache-Control": "no-store",
            }
        )
        return response


def serve_signals(app: Flask, token: str, session: SessionOf) -> None:
    """Serve the description of a session, moments worth a look and tiles, and no other part of its file.

    Tiles are asked for by signal, level and index, such as ``tiles/0.3.1,0.3.2``. Each is whether it is complete (4
    bytes, 0 or 1), how many channels, columns and blocks it has (4 bytes each), and its values as float32, all
    little-endian.
    """
    from flask import Response, abort

    @app.get(f"/{token}/session.json")
    def describe() -> Response:
        from nwb_autolfads.viewer.rows import described

        return Response(json.dumps(described(session()), allow_nan=False), mimetype="application/json")

    @app.get(f"/{token}/moments.json")
    def moments() -> Response:
        from nwb_autolfads.viewer.moments import disagreements, misfits

        opened = session()
        lists = {DISAGREE: disagreements(opened)} | {name: misfits(opened, name) for name in opened.estimates}
        found = {name: [asdict(each) for each in worst] for name, worst in lists.items()}
        complete = all(each.is_built for each in opened.signals.values())
        return Response(json.dumps({"complete": complete, "lists": found}), mimetype="application/json")

    @app.get(f"/{token}/tiles/<asked>")
    def tiles(asked: str) -> Response:
        parts = asked.split(",")
        if len(parts) > MOST_TILES or not all(_TILE.fullmatch(part) for part in parts):
            abort(HTTPStatus.NOT_FOUND)
        signals = list(session().signals.values())
        try:
            found = [_tile(signals, *map(int, part.split("."))) for part in parts]
        except IndexError:
            abort(HTTPStatus.NOT_FOUND)
        except NwbAutolfadsError as error:
            return Response(str(error), HTTPStatus.UNPROCESSABLE_ENTITY, mimetype="text/plain")
        return Response(b"".join(found), mimetype="application/octet-stream")


def _tile(signals: list[Pyramid | Raster], number: int, level: int, index: int) -> bytes:
    values, complete = signals[number].tile(level, index)
    return struct.pack("<4i", complete, *values.shape) + values.astype("<f4", copy=False).tobytes()


def listen(app: Flask, port: int) -> BaseWSGIServer:
    """Return a server that listens on this machine only; 0 takes any free port.

    Raises
    ------
    OutputError
        If the port is taken, or this user may not have it.
    """
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"  # one connection for many tiles

        def log(self, type: str, message: str, *args: object) -> None:
            """Say nothing: addresses hold the token."""

    taken = socket.socket()
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((HOST, port))
        taken.listen()
        return make_server(HOST, taken.getsockname()[1], app, threaded=True, request_handler=Quiet, fd=taken.fileno())
    except OSError as error:
        raise OutputError(
            f"the port cannot be had ({error.strerror})",
            way_out="Choose another one with --port, or none: a free one is found",
            obj=f"--port {port}",
        ) from error
    finally:
        taken.close()  # the server has its own
