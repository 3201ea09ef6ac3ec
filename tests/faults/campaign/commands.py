"""Runs the real command in a folder of its own, by the fork server or as a fresh process, and says what came of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faults.campaign.server import kept_waiting_s

LIMIT_S = 20.0
SERVER = "import sys; sys.path.insert(0, {!r}); from faults.campaign.server import serve; serve()"
PARENT = str(Path(__file__).resolve().parents[2])
FRESH = "from importlib.metadata import entry_points as e; e(group='console_scripts')['nwb-autolfads'].load()()"


@dataclass(frozen=True)
class Outcome:
    """What a command did: its exit code (negative: the signal that ended it), and what it printed."""

    arguments: tuple[str, ...]
    code: int
    hung: bool
    seconds: float
    megabytes: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Place:
    """The folders of one case: ``work`` is where the command runs, the others are what it must leave alone."""

    root: Path
    templates: Path

    def __post_init__(self) -> None:
        for folder in (self.work, self.elsewhere, self.home, self.root / "tmp"):
            folder.mkdir(parents=True)

    @property
    def work(self) -> Path:
        """Where the files of the case lie."""
        return self.root / "work"

    @property
    def elsewhere(self) -> Path:
        """Another folder, into which links of files in ``work`` may lead."""
        return self.root / "elsewhere"

    @property
    def home(self) -> Path:
        """The user's home, with the cache."""
        return self.root / "home"

    def copy(self, template: str, name: str = "session.nwb") -> Path:
        """Copy a template into the place where the command runs."""
        return Path(shutil.copyfile(self.templates / template, self.work / name))

    def environment(self) -> dict[str, str]:
        """Return an environment that points into these folders."""
        home = {"HOME": "home", "XDG_CACHE_HOME": "home/.cache", "XDG_CONFIG_HOME": "home/.config", "TMPDIR": "tmp"}
        kept = {key: text for key, text in os.environ.items() if key in ("PATH", "PYTHONPATH", "LANG", "LC_ALL")}
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        threads["TORCHINDUCTOR_CACHE_DIR"] = str(
            self.templates / "torch"
        )  # made where PyTorch is imported, used by nobody
        threads["NWB_AUTOLFADS_KERNEL"] = "off"  # no minutes of a compiler for models that take a moment
        return kept | threads | {key: str(self.root / folder) for key, folder in home.items()}


class ForkServer:
    """The process that forks; started once, ended with `close`."""

    def __init__(self, home: Path) -> None:
        environment = Place(home, home).environment()
        command = [sys.executable, "-c", SERVER.format(PARENT)]
        self._log = (home / "server.txt").open("w")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True, env=environment
        )

    def run(self, place: Place, arguments: tuple[str, ...], **more: Any) -> Outcome:
        """Run one command in a case's folder; ``more`` goes to the server, ``environment`` over the usual one."""
        out, err = place.root.with_suffix(".out"), place.root.with_suffix(".err")
        order = {
            "arguments": arguments,
            "folder": str(place.work),
            "stdout": str(out),
            "stderr": str(err),
            "seconds": LIMIT_S,
            **more,
            "environment": place.environment() | more.get("environment", {}),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(order), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the server ended: {Path(self._log.name).read_text()}")
        return Outcome(arguments, **json.loads(answer), stdout=_text(out), stderr=_text(err))

    def close(self) -> None:
        """End the server."""
        self._process.communicate()
        self._log.close()


def run_fresh(place: Place, arguments: tuple[str, ...], **environment: str) -> Outcome:
    """Run one command as a process that starts from nothing, where the start itself is looked at."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", FRESH, *arguments],
        cwd=place.work,
        env=place.environment() | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    hung, ended = False, None
    while ended is None:
        try:
            ended = process.communicate(timeout=1)
        except subprocess.TimeoutExpired:
            hung = time.monotonic() - started - kept_waiting_s(process.pid) > LIMIT_S
            if hung:
                process.kill()
    (out, err), seconds = ended, time.monotonic() - started
    texts = {"stdout": out.decode(errors="backslashreplace"), "stderr": err.decode(errors="backslashreplace")}
    return Outcome(arguments, process.returncode, hung, seconds, 0, **texts)


def _text(path: Path) -> str:
    return path.read_bytes().decode(errors="backslashreplace")
