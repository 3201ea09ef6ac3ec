"""The compiled kernel: built on demand with the machine's own compiler, and never needed.

`kernel.cpp` becomes a shared library for this machine's instruction set, in the user's cache folder. Where there is no
compiler, `by_torch` does the same more slowly; `status` says which and why.
"""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

NAMES = ("kernel.cpp", "gru.hpp", "pointwise.hpp", "rows.hpp", "vectors.hpp")
SOURCE, *HEADERS = (Path(__file__).with_name(name) for name in NAMES)
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-std=c++17", "-shared", "-fPIC", "-pthread")
COMPILERS = ("c++", "g++", "clang++")
BUILD_SECONDS = 300
threads: int | None = None  # of the kernel; None: as many as torch has
SUFFIX = {torch.float32: "float32", torch.float64: "float64"}


@dataclass(frozen=True)
class Kernel:
    """The loaded library, or why there is none."""

    functions: ctypes.CDLL | None
    status: str

    def call(self, name: str, sizes: tuple[int, ...], tensors: tuple[Tensor | None, ...]) -> None:
        """Call a function of the library on contiguous CPU tensors of one type; None is passed as a null pointer."""
        first = next(t for t in tensors if t is not None)
        for tensor in tensors:
            if tensor is not None and (not tensor.is_contiguous() or tensor.dtype != first.dtype):
                raise ValueError(f"{name} takes contiguous tensors of one type")
        pointers = (ctypes.c_void_p * len(tensors))(*(t.data_ptr() if t is not None else None for t in tensors))
        numbers = (ctypes.c_long * len(sizes))(*sizes)
        getattr(self.functions, f"{name}_{SUFFIX[first.dtype]}")(numbers, pointers)


def thread_count() -> int:
    """Give how many threads the kernel runs on."""
    return threads or torch.get_num_threads()


@cache
def load() -> Kernel:
    """Build the kernel if this machine has none yet, and load it."""
    if os.environ.get("NWB_AUTOLFADS_KERNEL", "") == "off":
        return Kernel(None, "switched off by NWB_AUTOLFADS_KERNEL=off")
    compiler = next(filter(None, map(shutil.which, (os.environ.get("CXX", ""), *COMPILERS))), None)
    if sys.platform == "win32" or compiler is None:
        return Kernel(None, f"no C++ compiler found (looked for {', '.join(COMPILERS)} and $CXX)")
    try:
        folder, why_not_kept = _cache_folder()
        name = f"kernel-{_fingerprint(compiler)}"
        library = _whole(folder, name) or _build(compiler, folder, name)
        return Kernel(ctypes.CDLL(str(library)), f"compiled by {compiler}{why_not_kept}")
    except subprocess.CalledProcessError as error:
        return Kernel(None, f"{compiler} could not compile it: {error.stderr.decode(errors='replace')[:300]}")
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:  # RuntimeError: there is no home folder
        return Kernel(None, f"it could not be built or loaded: {error}")


def _whole(folder: Path, name: str) -> Path | None:
    """Return the library that was kept, if its content is still that of its name; remove any other.

    A processor that runs into the end of a file that was cut off stops the whole process, without an error that could
    be caught.
    """
    for library in sorted(folder.glob(f"{name}-*.so")):
        if library.name == f"{name}-{_digest(library)}.so":
            return library
        library.unlink(missing_ok=True)
    return None


def _build(compiler: str, folder: Path, name: str) -> Path:
    # Not by `files.atomic`: this room imports none of ours, and of two processes that build at once neither is refused.
    handle, partial = tempfile.mkstemp(dir=folder, suffix=".so")
    os.close(handle)
    try:
        command = [compiler, *FLAGS, str(SOURCE), "-o", partial]
        subprocess.run(command, check=True, capture_output=True, timeout=BUILD_SECONDS)
        library = folder / f"{name}-{_digest(Path(partial))}.so"
        os.replace(partial, library)
        return library
    finally:
        Path(partial).unlink(missing_ok=True)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:32]


def _cache_folder() -> tuple[Path, str]:
    """Return a folder that only this user writes to, and why it is not kept, where it is not: then for this process."""
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(base) / "nwb-autolfads"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
        if found.st_uid != os.getuid() or found.st_mode & 0o022:
            raise PermissionError(f"others can write to {folder}")
        with tempfile.TemporaryFile(dir=folder):
            return folder, ""
    except (OSError, RuntimeError) as error:
        private = Path(tempfile.mkdtemp(prefix="nwb-autolfads-"))
        atexit.register(shutil.rmtree, private, ignore_errors=True)
        return private, f" for this process only ({error})"


def _fingerprint(compiler: str) -> str:
    """Name the source, the compiler and the processor: a home folder may be shared between machines."""
    processor = platform.processor() or platform.machine()
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        processor += next((line for line in lines if line.startswith(("flags", "Features"))), "")
    sources = (file.read_bytes() for file in (SOURCE, *HEADERS))
    parts = (*sources, " ".join((compiler, *FLAGS)).encode(), processor.encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
