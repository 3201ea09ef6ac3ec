"""Puts the compiled kernel into a wheel for Linux on x86-64, where it is asked for (`make wheels`).

Without `HATCH_BUILD_HOOK_ENABLE_CUSTOM=true` in the environment this does not run: the wheel is then one for all
systems, which builds its kernel on demand. The kernel is plain C to Python, so that one wheel serves all versions of
Python and of torch.
"""

import importlib.util
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KERNELS = "nwb_autolfads/lfads/kernels"


class CompiledKernel(BuildHookInterface):
    """Compiles one kernel for each level of x86-64."""

    def initialize(self, version, build_data):
        """Compile, and say where the libraries go."""
        if version == "editable":
            return
        if sys.platform != "linux" or platform.machine() != "x86_64":
            raise RuntimeError(f"wheels with kernels are for Linux on x86-64, this is {platform.platform()}")
        building = self._load_building()
        compiler = building.find_compiler()
        if compiler is None:
            raise RuntimeError(f"no C++ compiler found (looked for {', '.join(building.COMPILERS)} and $CXX)")
        self._folder = Path(tempfile.mkdtemp(prefix="kernels-"))
        for level in building.LEVELS:
            library = building.build(compiler, level, self._folder, level)
            library.chmod(0o755)  # as `tempfile` made it, others could not read it
            build_data["force_include"][str(library)] = f"{KERNELS}/wheel/{library.name}"
        build_data["pure_python"] = False
        build_data["tag"] = "py3-none-linux_x86_64"

    def finalize(self, version, build_data, artifact_path):
        """Remove what was compiled; the wheel has it."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _load_building(self):
        specification = importlib.util.spec_from_file_location("building", Path(self.root, KERNELS, "building.py"))
        building = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(building)
        return building
