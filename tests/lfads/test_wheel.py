"""A wheel with compiled kernels needs no compiler, and a processor never gets instructions that it does not have."""

import json
import os
import platform
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from nwb_autolfads.commands.doctor import examine
from nwb_autolfads.lfads.kernels import building, compiled

ROOT = Path(__file__).resolve().parents[2]
ON_LINUX = sys.platform == "linux" and platform.machine() == "x86_64"
NO_COMPILER = "no C++ compiler found (looked for c++, g++, clang++ and $CXX)"


@pytest.fixture
def wheel_of(monkeypatch, tmp_path):
    """Act as an installed wheel with kernels, on a processor with these flags, without a compiler."""
    folder = tmp_path / "wheel"
    folder.mkdir()
    for level in building.LEVELS:
        library = folder / "library"
        library.write_bytes(level.encode())
        library.rename(folder / f"{level}-{building._digest(library)}.so")
    loaded = []
    monkeypatch.setattr(compiled, "WHEEL", folder)
    monkeypatch.setattr(compiled.ctypes, "CDLL", lambda path: loaded.append(Path(path).read_text()) or object())
    monkeypatch.setattr(building, "find_compiler", lambda: None)

    def load(flags):
        monkeypatch.setattr(building, "flags_of_processor", lambda: frozenset(flags))
        compiled.load.cache_clear()
        return compiled.load(), loaded, folder

    yield load
    compiled.load.cache_clear()


@pytest.mark.parametrize("level", building.LEVELS)
def test_a_processor_gets_the_fastest_kernel_that_it_can_run(wheel_of, level):
    kernel, loaded, folder = wheel_of([*building.LEVELS[level], "fpu"])
    assert loaded == [level]
    assert kernel.status.startswith(f"of the wheel, for {level}: {folder}/{level}-")


@pytest.mark.parametrize(("level", "flag", "instead"), [
    ("x86-64-v4", "avx512bw", "x86-64-v3"), ("x86-64-v3", "fma", "x86-64-v2"), ("x86-64-v3", "avx2", "x86-64-v2"),
])  # fmt: skip
def test_one_flag_that_is_missing_is_enough_for_the_slower_one(wheel_of, level, flag, instead):
    assert wheel_of(set(building.LEVELS[level]) - {flag})[1] == [instead]


def test_on_a_processor_of_another_kind_nothing_is_loaded_and_the_doctor_says_so(wheel_of):
    kernel, loaded, _ = wheel_of(set(building.LEVELS["x86-64-v2"]) - {"sse4_2", "popcnt"})
    assert (kernel.functions, loaded) == (None, [])
    why = "the wheel's kernels need a processor of x86-64-v2, and this one lacks popcnt, sse4_2"
    assert kernel.status == f"{NO_COMPILER}; {why}"
    (fact,) = (fact for fact in examine() if fact.subject == "compiled kernel")
    assert fact.found == f"none, torch operations take its place: {NO_COMPILER}; {why}"


def test_a_kernel_of_the_wheel_that_is_damaged_is_left_alone_and_named(wheel_of):
    level = "x86-64-v3"
    folder = wheel_of(building.LEVELS[level])[2]
    (library,) = folder.glob(f"{level}-*.so")
    library.write_bytes(b"cut off")
    kernel, loaded, _ = wheel_of(building.LEVELS[level])
    assert loaded == [level]  # the first time
    assert kernel.status == (
        f"{NO_COMPILER}; the wheel's kernel for {level} is missing or damaged in {folder}: install it again"
    )
    assert library.exists()


@pytest.mark.skipif(not ON_LINUX, reason="the loader of Linux on x86-64 is asked")
def test_levels_are_those_that_the_loader_of_this_machine_finds():
    said = subprocess.run(["/lib64/ld-linux-x86-64.so.2", "--help"], capture_output=True, text=True, check=False).stdout
    supported = set(re.findall(r"(x86-64-v\d) \(supported", said))
    if not supported:
        pytest.skip("this loader does not list levels: it is older than glibc 2.33")
    flags = building.flags_of_processor()
    assert {level for level, needed in building.LEVELS.items() if flags.issuperset(needed)} == supported


def build(folder, **environment):
    """Build a wheel as `make wheels` does, with what is here; return its path."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(command, check=True, cwd=ROOT, env=os.environ | environment, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel that is named by the environment, or one that is built here."""
    if given := os.environ.get("NWB_AUTOLFADS_WHEEL"):
        return Path(given)
    if not ON_LINUX or building.find_compiler() is None:
        pytest.skip("wheels with kernels are built on Linux on x86-64, with a compiler")
    return build(tmp_path_factory.mktemp("built"), HATCH_BUILD_HOOK_ENABLE_CUSTOM="true")


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder with what the wheel has, and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", folder, wheel]
    subprocess.run(pip, check=True, capture_output=True)
    return folder


PROGRAM = """
import json, sys
import nwb_autolfads
from lfads_models import ODD, batch, loss_and_gradients, scrambled
from nwb_autolfads.commands.doctor import examine
from nwb_autolfads.lfads.kernels import building, compiled, recurrence

if level := sys.argv[1]:
    building.flags_of_processor = lambda: frozenset(building.LEVELS[level])
model, (masked, noise), found = scrambled(ODD, members=2), batch(ODD, members=2, bins=12, windows=37), {}
for path in ("torch", "compiled"):
    with recurrence.using(path):
        taken = recurrence.path_for(masked.input)
        loss, gradients = loss_and_gradients(model, masked, noise)
        found[path] = taken, loss, gradients
difference = max(
    float((gradient - found["torch"][2][name]).norm() / found["torch"][2][name].norm())
    for name, gradient in found["compiled"][2].items()
)
difference = max(difference, float((found["compiled"][1] / found["torch"][1] - 1).abs().max()))
(fact,) = (fact.found for fact in examine() if fact.subject == "compiled kernel")
print(json.dumps({
    "package": nwb_autolfads.__file__, "taken": [taken for taken, *_ in found.values()], "difference": difference,
    "kernel": fact, "compiler": building.find_compiler(),
}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("level", [None, *building.LEVELS])
def test_an_installed_wheel_uses_its_kernel_without_a_compiler_and_gives_the_numbers_of_torch(
    installed, level, tmp_path
):
    if level and not building.flags_of_processor().issuperset(building.LEVELS[level]):
        pytest.skip(f"this machine's processor is none of {level}")
    environment = {"PATH": str(tmp_path), "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join((str(installed), str(ROOT / "tests")))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, level or ""], env=environment, cwd=tmp_path, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert Path(found["package"]).is_relative_to(installed)
    assert found["taken"] == ["torch", "compiled"]
    assert found["difference"] < 1e-10
    assert re.match(rf"of the wheel, for {level or 'x86-64-v[234]'}: {re.escape(str(installed))}/", found["kernel"])
    assert found["compiler"] is None
    assert not (tmp_path / ".cache" / "nwb-autolfads").exists()


@pytest.mark.slow
def test_a_wheel_names_its_system_and_its_kernels_hold_no_instruction_of_a_higher_level(wheel, tmp_path):
    assert re.search(r"-py3-none-(linux|manylinux_2_\d+)_x86_64\.whl$", wheel.name)
    with zipfile.ZipFile(wheel) as archive:
        libraries = {
            re.search(r"x86-64-v\d", name)[0]: archive.extract(name, tmp_path)
            for name in archive.namelist()
            if name.endswith(".so")
        }
    assert set(libraries) == set(building.LEVELS)
    registers = {"x86-64-v2": "xmm", "x86-64-v3": "ymm", "x86-64-v4": "zmm"}
    for level, library in libraries.items():
        try:
            code = subprocess.run(["objdump", "-d", library], capture_output=True, text=True, check=True).stdout
        except FileNotFoundError:
            pytest.skip("objdump is not here")
        widest = max(registers.values(), key=lambda register: (f"%{register}" in code, register))
        assert widest == registers[level]


@pytest.mark.slow
def test_a_wheel_that_was_not_asked_for_kernels_is_one_for_all_systems(tmp_path):
    wheel = build(tmp_path, HATCH_BUILD_HOOK_ENABLE_CUSTOM="false")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert [name for name in names if name.endswith(".so")] == []
    for source in (building.SOURCE, *building.HEADERS):
        assert source.relative_to(ROOT).as_posix() in names
