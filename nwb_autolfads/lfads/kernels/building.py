"""How the kernel is compiled: for this machine on demand, and in a wheel for each level of x86-64.

The build of a wheel loads this file by itself, without torch and the rest of the package.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

NAMES = ("kernel.cpp", "gru.hpp", "pointwise.hpp", "rows.hpp", "vectors.hpp")
SOURCE, *HEADERS = (Path(__file__).parent / "source" / name for name in NAMES)
FLAGS = ("-O3", "-fno-math-errno", "-fno-trapping-math", "-std=c++17", "-shared", "-fPIC", "-pthread")
COMPILERS = ("c++", "g++", "clang++")
BUILD_SECONDS = 300

_V2 = "cx16 lahf_lm pni popcnt sse4_1 sse4_2 ssse3"
_V3 = f"{_V2} abm avx avx2 bmi1 bmi2 f16c fma movbe xsave"
_V4 = f"{_V3} avx512bw avx512cd avx512dq avx512f avx512vl"
LEVELS = {"x86-64-v4": _V4.split(), "x86-64-v3": _V3.split(), "x86-64-v2": _V2.split()}
"""What a wheel has a kernel for, the fastest first, and the flags in Linux's list of the processors that can run it."""


def find_compiler() -> str | None:
    """Return the path of a C++ compiler, $CXX first."""
    return next(filter(None, map(shutil.which, (os.environ.get("CXX", ""), *COMPILERS))), None)


def build(compiler: str, architecture: str, folder: Path, name: str) -> Path:
    """Compile the kernel for an architecture, as ``-march`` has it; return the library, named by its content too.

    Raises
    ------
    OSError, subprocess.SubprocessError
        If it cannot be compiled or written; nothing is left behind then.
    """
    # Not by `files.atomic`: this room imports none of ours, and of two processes that build at once neither is refused.
    handle, partial = tempfile.mkstemp(dir=folder, suffix=".so")
    os.close(handle)
    try:
        command = [compiler, *FLAGS, f"-march={architecture}", str(SOURCE), "-o", partial]
        subprocess.run(command, check=True, capture_output=True, timeout=BUILD_SECONDS)
        library = folder / f"{name}-{_digest(Path(partial))}.so"
        os.replace(partial, library)
        return library
    finally:
        Path(partial).unlink(missing_ok=True)


def find_whole(folder: Path, name: str) -> tuple[Path | None, list[Path]]:
    """Return the library of that name whose content is that of its name, and those that have another.

    A processor that runs into the end of a file that was cut off stops the whole process, without an error that could
    be caught.
    """
    damaged: list[Path] = []
    for library in sorted(folder.glob(f"{name}-*.so")):
        if library.name == f"{name}-{_digest(library)}.so":
            return library, damaged
        damaged.append(library)
    return None, damaged


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:32]


def flags_of_processor() -> frozenset[str]:
    """Return what Linux says that this machine's processors can do; nothing on other systems."""
    if sys.platform != "linux":
        return frozenset()
    lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    return frozenset(next((line for line in lines if line.startswith(("flags", "Features"))), "").split()[2:])


def fingerprint(compiler: str) -> str:
    """Name the source, the compiler and the processor: a home folder may be shared between machines."""
    processor = " ".join((platform.processor() or platform.machine(), *sorted(flags_of_processor())))
    sources = (file.read_bytes() for file in (SOURCE, *HEADERS))
    parts = (*sources, " ".join((compiler, *FLAGS)).encode(), processor.encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
