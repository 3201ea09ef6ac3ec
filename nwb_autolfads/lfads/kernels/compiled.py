"""The compiled kernel: that of the wheel, or built on demand with the machine's own compiler, and never needed.

A wheel for Linux on x86-64 has one for each level of processors (`building.LEVELS`), of which the fastest is taken that
this one can run. Else one is compiled for this machine, and kept in the user's cache folder. Where there is no
compiler, `by_torch` does the same more slowly; `status` says which and why.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from . import building

WHEEL = Path(__file__).with_name("wheel")  # only there where the package was installed from a wheel with kernels
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
    """Load the kernel of the wheel, or build one if this machine has none yet."""
    if os.environ.get("NWB_AUTOLFADS_KERNEL", "") == "off":
        return Kernel(None, "switched off by NWB_AUTOLFADS_KERNEL=off")
    of_wheel = _of_wheel() if WHEEL.is_dir() else Kernel(None, "")
    if of_wheel.functions is not None:
        return of_wheel
    built = _built_here()
    return Kernel(built.functions, "; ".join(filter(None, (built.status, of_wheel.status))))


def _of_wheel() -> Kernel:
    """Load what came with the package, never a library that has instructions which this processor lacks."""
    flags = building.flags_of_processor()
    level = next((level for level, needed in building.LEVELS.items() if flags.issuperset(needed)), None)
    if level is None:
        least, needed = list(building.LEVELS.items())[-1]
        lacking = ", ".join(sorted(set(needed) - flags))
        return Kernel(None, f"the wheel's kernels need a processor of {least}, and this one lacks {lacking}")
    library, _ = building.find_whole(WHEEL, level)
    if library is None:
        return Kernel(None, f"the wheel's kernel for {level} is missing or damaged in {WHEEL}: install it again")
    try:
        return Kernel(ctypes.CDLL(str(library)), f"of the wheel, for {level}: {library}")
    except OSError as error:
        return Kernel(None, f"the wheel's kernel could not be loaded: {error}")


def _built_here() -> Kernel:
    compiler = building.find_compiler()
    if sys.platform == "win32" or compiler is None:
        return Kernel(None, f"no C++ compiler found (looked for {', '.join(building.COMPILERS)} and $CXX)")
    try:
        folder, why_not_kept = _cache_folder()
        name = f"kernel-{building.fingerprint(compiler)}"
        library, damaged = building.find_whole(folder, name)
        for each in damaged:
            each.unlink(missing_ok=True)
        library = library or building.build(compiler, "native", folder, name)
        return Kernel(ctypes.CDLL(str(library)), f"compiled by {compiler}{why_not_kept}: {library}")
    except subprocess.CalledProcessError as error:
        return Kernel(None, f"{compiler} could not compile it: {error.stderr.decode(errors='replace')[:300]}")
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:  # RuntimeError: there is no home folder
        return Kernel(None, f"it could not be built or loaded: {error}")


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
