"""A process that has imported the package once and forks a child for each command: `serve`.

Each command is a process of its own, with its own folder, environment, output files and limits; only the seconds that
the imports take are saved. Orders come as lines of JSON on stdin, what became of each goes back on stdout.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import resource
import signal
import sys
import tempfile
import threading
import time
import traceback
from typing import Any

MEMORY_BYTES = 3_000_000_000  # beside what the imports take
OF_EXTRAS = ("nwb_autolfads.interfaces.", "nwb_autolfads.search.engines.ray.")  # which no command here asks for
LAZY = ("matplotlib.pyplot", "matplotlib.backends.backend_agg", "hdmf_zarr", "spikeinterface.core", "neo")


def import_everything() -> int:
    """Import the package with all that its commands import when they are called; return the address space it takes."""
    import nwb_autolfads

    for module in pkgutil.walk_packages(nwb_autolfads.__path__, "nwb_autolfads."):
        if not module.name.endswith("__main__") and not module.name.startswith(OF_EXTRAS):
            importlib.import_module(module.name)
    for name in LAZY:
        importlib.import_module(name)
    if threading.active_count() > 1:
        raise RuntimeError(f"a thread was started by an import: {threading.enumerate()}")
    with open("/proc/self/statm", encoding="ascii") as pages:
        return int(pages.read().split()[0]) * resource.getpagesize()


def behave_as(order: dict[str, Any], taken_bytes: int) -> int:
    """Be the command, in the child; return its exit code."""
    from nwb_autolfads.cli import main

    os.setsid()
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    tempfile.tempdir = None
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    for number, place in ((1, order["stdout"]), (2, order["stderr"])):
        os.dup2(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    encoding, errors = order.get("encoding", "utf-8"), "strict"
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding=encoding, errors=errors, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding=encoding, errors="backslashreplace", closefd=False)  # noqa: SIM115
    resource.setrlimit(resource.RLIMIT_AS, (taken_bytes + MEMORY_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if "file_bytes" in order:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_bytes"],) * 2)
    sys.argv = ["nwb-autolfads", *order["arguments"]]
    code = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # as the interpreter does at its end, which a fork never comes to
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def kept_waiting_s(process: int) -> float:
    """Return how long a process that could go on was kept from a processor by others (s)."""
    try:
        with open(f"/proc/{process}/schedstat", encoding="ascii") as found:
            return int(found.read().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def wait(child: int, seconds: float) -> dict[str, Any]:
    """Wait for a child, and kill it where it takes too long, what others take of the processors not counted."""
    started, hung = time.monotonic(), False
    while True:
        found, status, usage = os.wait4(child, os.WNOHANG)
        if found:
            break
        spent = time.monotonic() - started
        if not hung and spent > seconds and spent - kept_waiting_s(child) > seconds:
            os.kill(child, signal.SIGKILL)
            hung = True
        time.sleep(0.003)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "hung": hung,
        "seconds": round(time.monotonic() - started, 3),
        "megabytes": usage.ru_maxrss // 1024,
    }


def serve() -> None:
    """Do one order after the other until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    taken_bytes = import_everything()
    gc.collect()
    gc.freeze()  # the children's collector then leaves the shared pages as they are
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            code = 70
            try:
                code = behave_as(order, taken_bytes)
            finally:
                os._exit(code)
        print(json.dumps(wait(child, order["seconds"])), file=answers, flush=True)
