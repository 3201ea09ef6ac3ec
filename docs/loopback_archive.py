"""The DANDI archive in little, on this machine: what the client asks of its API, and a server of files and of Zarr.

For the tutorial and for tests: ``DANDI_INSTANCE`` set to `Archive.address` is all that tells it from the archive.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import NAMESPACE_URL, uuid5

from hdmf_zarr.nwb import NWBZarrIO
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from pynwb.file import Subject

import nwb_autolfads as nal

WHEN = "2026-01-01T00:00:00Z"
VERSION = "0.260101.1200"


def write_session(path: Path, subject: str = "01") -> None:
    """Write a minute of EMG whose muscles are not named, as many files of the archive have it.

    Parameters
    ----------
    path : Path
        ``.nwb`` for HDF5, ``.nwb.zarr`` for Zarr.
    subject : str
        Its id.
    """
    with tempfile.TemporaryDirectory() as folder:
        simulated = nal.simulate_session(Path(folder) / "session.nwb", seed=0, duration=60.0)
        with nal.open_emg(simulated) as recording:
            values, rate = recording.read(0, recording.segments[0].n_samples), recording.rate
    walking = {"session_description": "Walking on a treadmill.", "identifier": f"sub-{subject}_ses-walk"}
    nwbfile = NWBFile(**walking, session_start_time=datetime(2026, 1, 1, 9, tzinfo=UTC), session_id="walk")
    nwbfile.experimenter, nwbfile.institution, nwbfile.keywords = ("Doe, Jane",), "A university", ("EMG", "walking")
    nwbfile.experiment_description = "Treadmill walking at a fixed speed."
    nwbfile.subject = Subject(subject_id=subject, species="Rattus norvegicus", sex="F", age="P90D", description="Rat.")
    told = {"unit": "volts", "rate": rate, "description": "Raw EMG of the right hindlimb."}
    nwbfile.add_acquisition(TimeSeries(name="EMG", data=values, **told))
    path.parent.mkdir(parents=True, exist_ok=True)
    with NWBZarrIO(str(path), "w") if path.suffix == ".zarr" else NWBHDF5IO(path, "w") as io:
        io.write(nwbfile)


def write_dandiset(folder: Path) -> None:
    """Write one session in HDF5 and one in Zarr."""
    for subject, suffix in (("01", ".nwb"), ("02", ".nwb.zarr")):
        write_session(folder / f"sub-{subject}" / f"sub-{subject}_ses-walk{suffix}", subject)


class Archive(ThreadingHTTPServer):
    """One published dandiset of the NWB files in a folder.

    Attributes
    ----------
    dandiset : str
        Its number.
    sent : int
        Bytes of files sent so far.
    asked : list of str
        Paths of the requests so far.
    """

    daemon_threads = True

    def __init__(self, folder: Path, dandiset: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.dandiset, self.sent = folder, dandiset, 0
        self.asked: list[str] = []
        self.lock = threading.Lock()

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"

    def assets(self) -> dict[str, Path]:
        """Return the files by the identifiers of their assets."""
        files = sorted([*self.folder.rglob("*.nwb"), *self.folder.rglob("*.nwb.zarr")])
        return {str(uuid5(NAMESPACE_URL, file.relative_to(self.folder).as_posix())): file for file in files}

    def describe(self, identifier: str, file: Path) -> dict[str, object]:
        """Return an asset as a list of assets has it."""
        path, kind = file.relative_to(self.folder).as_posix(), "zarr" if file.is_dir() else "blob"
        facts = {"created": WHEN, "modified": WHEN, "size": size_of(file), "path": path}
        return {"asset_id": identifier, "blob": None, "zarr": None, **facts} | {kind: identifier}

    def version(self) -> dict[str, object]:
        """Return the version as the API has it."""
        size = sum(map(size_of, self.assets().values()))
        facts = {"name": "Walking", "asset_count": len(self.assets()), "size": size, "status": "Valid"}
        return {"version": VERSION, "created": WHEN, "modified": WHEN, **facts}

    def answer(self, path: str, query: dict[str, list[str]]) -> dict[str, object] | None:
        """Return what the API says at a path; None where it has nothing."""
        dandiset = f"/api/dandisets/{self.dandiset}/"
        if path in ("/server-info", "/api/info/"):
            services = {"api": {"url": f"{self.address}/api"}, "webui": {"url": self.address}}
            return {"version": "1", "services": services, "cli-minimal-version": "0.60.0", "cli-bad-versions": []}
        if path == dandiset:
            facts = {"identifier": self.dandiset, "created": WHEN, "modified": WHEN, "contact_person": "Doe, Jane"}
            draft = self.version() | {"version": "draft"}
            published = {"most_recent_published_version": self.version(), "draft_version": draft}
            return {**facts, "embargo_status": "OPEN", **published}
        if path == f"{dandiset}versions/{VERSION}/assets/":
            wanted = query.get("path", [""])[0]
            found = [self.describe(key, file) for key, file in self.assets().items()]
            found = [each for each in found if str(each["path"]).startswith(wanted)]
            return {"count": len(found), "next": None, "previous": None, "results": found}
        key = path.rstrip("/").rpartition("/assets/")[2]
        if key in self.assets():
            objects = f"zarr/{key}/" if self.assets()[key].is_dir() else f"blobs/{key}"
            places = [f"{self.address}/api/assets/{key}/download/", f"{self.address}/{objects}"]
            return {"identifier": key, "contentUrl": places}
        return None


def size_of(file: Path) -> int:
    """Return the bytes of a file, or of all objects of a folder of Zarr."""
    files = file.rglob("*") if file.is_dir() else [file]
    return sum(each.stat().st_size for each in files if each.is_file())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Archive

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        with self.server.lock:
            self.server.asked.append(asked.path)
        if asked.path.startswith("/blobs/"):
            self._send_file(self.server.assets().get(asked.path.removeprefix("/blobs/")))
        elif asked.path.startswith("/zarr/"):
            key, _, name = unquote(asked.path).removeprefix("/zarr/").partition("/")
            folder = self.server.assets().get(key)
            self._send_file(folder / name if folder and ".." not in name.split("/") else None)
        elif asked.path.endswith("/download/"):
            key = asked.path.split("/")[-3]
            if (self.server.assets().get(key) or self.server.folder / "gone").is_dir():
                self._send(400, b"Unable to provide download link for zarr assets.")
                return
            self._send(302, b"", Location=f"{self.server.address}/blobs/{key}?signed=until-tomorrow")
        elif (found := self.server.answer(asked.path, parse_qs(asked.query))) is not None:
            self._send(200, json.dumps(found).encode(), **{"Content-Type": "application/json"})
        else:
            self._send(404, b"{}", **{"Content-Type": "application/json"})

    def do_HEAD(self) -> None:
        self.do_GET()

    def _send_file(self, file: Path | None) -> None:
        if file is None or not file.is_file():
            self._send(404, b"")
            return
        size = file.stat().st_size
        asked = self.headers.get("Range")
        first, last = (int(each) for each in asked.removeprefix("bytes=").split("-")) if asked else (0, size - 1)
        last = min(last, size - 1)
        with file.open("rb") as stream:
            stream.seek(first)
            content = stream.read(last - first + 1)
        with self.server.lock:
            self.server.sent += len(content)
        self._send(206 if asked else 200, content, **{"Content-Range": f"bytes {first}-{last}/{size}"})

    def _send(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve(folder: Path, dandiset: str = "000999") -> Iterator[Archive]:
    """Serve the NWB files of a folder while the block runs."""
    archive = Archive(folder, dandiset)
    thread = threading.Thread(target=archive.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield archive
    finally:
        archive.shutdown()
        archive.server_close()
        thread.join()
