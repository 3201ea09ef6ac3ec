"""A file server on loopback that gives ranges, counts what it sends, and misbehaves when told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


class RangeServer(ThreadingHTTPServer):
    """Serves the files of a folder.

    Attributes
    ----------
    sent : int
        Bytes of files sent so far.
    ranges : bool
        Whether ranges are given.
    drops : int
        So many of the next answers break off after half of their bytes.
    moved : dict of str to str
        Names of files that are said to be elsewhere, and where.
    asked : list of str
        Names of what was asked for.
    """

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.sent, self.ranges, self.drops = folder, 0, True, 0
        self.moved: dict[str, str] = {}
        self.asked: list[str] = []
        self.lock = threading.Lock()

    def address(self, name: str) -> str:
        """Return the address of a file in the folder."""
        return f"http://127.0.0.1:{self.server_port}/{name}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up: some tests make them."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RangeServer

    def do_GET(self) -> None:
        name = unquote(urlsplit(self.path).path).lstrip("/")
        file = self.server.folder / name
        with self.server.lock:
            self.server.asked.append(name)
        if name in self.server.moved:
            self.send_response(302)
            self.send_header("Location", self.server.moved[name])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if not file.is_file():
            self.send_error(404)
            return
        size = file.stat().st_size
        first, last = 0, size - 1
        asked = self.headers.get("Range") if self.server.ranges else None
        if asked:
            first, last = (int(number) for number in asked.removeprefix("bytes=").split("-"))
            last = min(last, size - 1)
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        with file.open("rb") as stream:
            stream.seek(first)
            content = stream.read(last - first + 1)
        with self.server.lock:
            dropped = self.server.drops > 0 and len(content) > 1
            self.server.drops -= dropped
            self.server.sent += len(content)
        try:
            self.wfile.write(content[: len(content) // 2] if dropped else content)
        except ConnectionError:  # the client heard enough
            self.close_connection = True
        self.close_connection = self.close_connection or dropped

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve(folder: Path) -> Iterator[RangeServer]:
    """Serve a folder while the block runs."""
    server = RangeServer(folder)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
