"""What this machine offers: versions, accelerator, optional parts, and how to get what is missing."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from nwb_autolfads.errors import ConfigError, printable

CORE = ("pynwb", "hdmf", "h5py", "numpy", "scipy", "xarray", "torch", "neo", "spikeinterface")
EXTRAS = {
    "ray": ("ray", "training spread over machines"),
    "streaming": ("remfile", "files read over the network"),
    "zarr": ("hdmf-zarr", "NWB files in Zarr"),
    "dandi": ("dandi", "files of the DANDI archive"),
    "viewer": ("dash", "a whole session in a browser"),
}


@dataclass(frozen=True)
class Fact:
    """One line of the doctor's answer.

    Attributes
    ----------
    subject : str
        What was looked at.
    found : str
        What was found there, empty where it is missing.
    advice : str
        What to do about it, empty where nothing needs doing.
    required : bool
        Whether the program cannot do without it.
    """

    subject: str
    found: str
    advice: str = ""
    required: bool = True

    @property
    def healthy(self) -> bool:
        """Whether what is required is there."""
        return bool(self.found) or not self.required


def examine() -> list[Fact]:
    """Look at this machine.

    Returns
    -------
    list of Fact
    """
    return [
        Fact("nwb-autolfads", _version("nwb-autolfads")),
        Fact("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        Fact("processor cores", str(os.cpu_count() or "unknown")),
        *(_package(name) for name in ("ndx-muscle-activation", *CORE)),
        _accelerator(),
        _kernel(),
        _cluster(),
        *(
            Fact(
                f"{package} (optional: {purpose})",
                _version(package),
                "" if _version(package) else f"pip install 'nwb-autolfads[{extra}]'",
                required=False,
            )
            for extra, (package, purpose) in EXTRAS.items()
        ),
    ]


def _package(name: str) -> Fact:
    found = _version(name)
    return Fact(name, found, "" if found else f"pip install {name}")


def _accelerator() -> Fact:
    try:
        import torch
    except (ImportError, OSError) as error:  # a broken build fails with either
        return Fact("accelerator", "", f"torch cannot be imported: {error}")
    if torch.cuda.is_available():
        cards = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
        return Fact("accelerator", "CUDA: " + ", ".join(f"{c.name} ({c.total_memory / 2**30:.0f} GiB)" for c in cards))
    on_processor = f"training runs on {torch.get_num_threads()} processor threads"
    if torch.backends.mps.is_available():
        return Fact("accelerator", f"Apple MPS, which is not used; {on_processor}")
    return Fact("accelerator", f"none; {on_processor}")


def _kernel() -> Fact:
    try:
        from nwb_autolfads.lfads.kernels import compiled
    except (ImportError, OSError):
        return Fact("compiled kernel", "", "needs torch", required=False)
    kernel = compiled.load()
    if kernel.functions is not None:
        return Fact("compiled kernel", printable(kernel.status))
    advice = "training is slower without; install a C++ compiler (g++ or clang++) to have it built"
    found = f"none, torch operations take its place: {printable(kernel.status)}"
    return Fact("compiled kernel", found, advice, required=False)


def _cluster() -> Fact:
    """Say what `--engine ray` would do; Ray is not imported, and no cluster is asked, which would take seconds."""
    ray, address = _version("ray"), os.environ.get("RAY_ADDRESS", "")
    if not ray:
        return Fact("Ray cluster", "", "pip install 'nwb-autolfads[ray]'", required=False)
    if not address:
        starts = "RAY_ADDRESS is not set: --engine ray starts a cluster of this machine, unless --address names another"
        return Fact("Ray cluster", f"Ray {ray}; {starts}")
    try:
        from nwb_autolfads.estimators.autolfads.estimator import AutoLFADS

        AutoLFADS(engine="ray")
    except (ImportError, OSError):
        return Fact("Ray cluster", "", "needs torch", required=False)
    except ConfigError as error:
        return Fact("Ray cluster", "", f"--engine ray would refuse it: {error}", required=False)
    return Fact("Ray cluster", f"Ray {ray}; RAY_ADDRESS is {printable(address)}: --engine ray joins that cluster")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
