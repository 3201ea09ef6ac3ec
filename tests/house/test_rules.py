"""The rules of the house: imports between rooms point one way, only some rooms know torch, only one writes NWB."""

import ast
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "nwb_autolfads"

# What each room may import of ours, besides itself. A module at the top of the package is a room of its own.
ALLOWED = {
    "__init__": {
        "with_xarray",
        "bursts",
        "commands",
        "sources",
        "emg",
        "estimators",
        "evaluation",
        "results",
        "report",
        "simulate",
        "viewer",
    },
    "errors": set(),
    "given": {"errors"},
    "validation": {"errors"},
    "files": {"errors"},
    "segments": set(),
    "both_ways": set(),
    "palette": set(),
    "labels": set(),
    "with_xarray": set(),
    "accessor": {"segments", "errors"},
    "bursts": {"segments", "errors", "given"},
    "sources": {"segments", "errors", "files"},
    "emg": {"labels", "sources", "segments", "both_ways", "errors", "given", "validation"},
    "lfads": set(),
    "search": {"lfads", "errors", "files", "validation"},
    "estimators": {
        "labels",
        "search",
        "lfads",
        "segments",
        "both_ways",
        "palette",
        "errors",
        "given",
        "files",
        "validation",
    },
    "results": {"labels", "config", "sources", "segments", "errors", "given", "files"},
    "evaluation": {"sources", "emg", "estimators", "results", "segments", "errors", "given", "files"},
    "report": {"evaluation", "estimators", "segments", "palette", "errors", "given", "files"},
    "viewer": {"estimators", "results", "report", "emg", "sources", "segments", "palette", "errors", "given", "files"},
    "simulate": {"sources", "errors", "given", "files"},
    "interfaces": {"estimators", "results", "sources", "errors"},
    "config": {"estimators", "search", "emg", "sources", "errors", "files", "validation"},
    "commands": {
        "sources",
        "emg",
        "estimators",
        "lfads",
        "evaluation",
        "results",
        "report",
        "viewer",
        "simulate",
        "config",
        "errors",
        "given",
        "files",
        "validation",
    },
    "cli": {"commands", "config", "estimators", "results", "report", "simulate", "errors", "files"},
}
WITHOUT_TORCH = {
    "sources",
    "emg",
    "evaluation",
    "results",
    "report",
    "viewer",
    "simulate",
    "config",
    "palette",
    "labels",
    "accessor",
    "bursts",
    "segments",
    "validation",
    "errors",
    "files",
}
NWB_WRITERS = {"results", "simulate", "files"}


def package_sources() -> dict[str, str]:
    """Return the source text of every module of the package by its dotted name."""
    modules = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    return modules


def room(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


@cache
def parsed(source):
    return ast.parse(source)


def imports_that_run(source, module, modules):
    """Return the dotted names that a module imports at any level, except those only for the type checker."""
    names = set()
    package = module if module in packages(modules) else module.rpartition(".")[0]

    def visit(node):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.orelse:
                visit(child)
            return
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                anchor = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*anchor, base] if base else anchor)
            for alias in node.names:
                names.add(f"{base}.{alias.name}" if f"{base}.{alias.name}" in modules else base)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(parsed(source))
    return names


def packages(modules):
    return {name.rpartition(".")[0] for name in modules} & modules.keys()


def forbidden_arrows(modules):
    found = []
    for module, source in modules.items():
        for name in sorted(imports_that_run(source, module, modules)):
            if name.split(".")[0] != "nwb_autolfads" or room(name) == room(module):
                continue
            if room(name) not in ALLOWED.get(room(module), set()):
                found.append(f"{module} imports {name}")
    return found


def paths_to_torch(modules):
    """Return, for each module of a room that must not know torch, the chain of imports that leads to it."""
    edges = {module: imports_that_run(source, module, modules) for module, source in modules.items()}
    found = []
    for start in modules:
        if room(start) not in WITHOUT_TORCH:
            continue
        chains, seen = [[start]], {start}
        while chains:
            chain = chains.pop()
            for name in sorted(edges.get(chain[-1], ())):
                if name.split(".")[0] == "torch":
                    found.append(" -> ".join([*chain, "torch"]))
                # Importing a module runs the packages above it too.
                above = [name.rsplit(".", depth)[0] for depth in range(1, name.count("."))]
                for reached in [name, *above]:
                    if reached in modules and reached not in seen:
                        seen.add(reached)
                        chains.append([*chain, reached])
    return found


def circles(modules):
    """Return the groups of files that import each other, directly or by way of others (Tarjan 1972)."""
    inside = {module: imports_that_run(source, module, modules) & modules.keys() for module, source in modules.items()}
    order, low, stack, found = {}, {}, [], []

    def visit(module):
        order[module] = low[module] = len(order)
        stack.append(module)
        for other in sorted(inside[module]):
            if other not in order:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], order[other])
        if low[module] == order[module]:
            group = set(stack[stack.index(module) :])
            del stack[stack.index(module) :]
            if len(group) > 1 or module in inside[module]:
                found.append(sorted(group))

    for module in sorted(modules):
        if module not in order:
            visit(module)
    return found


def nwb_writes(modules):
    """Return the places outside the writing rooms that open an NWB or HDF5 file for anything but reading."""
    found = []
    for module, source in modules.items():
        if room(module) in NWB_WRITERS:
            continue
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func).split(".")
            if called[-1] not in {"NWBHDF5IO", "NWBZarrIO", "HDF5IO"} and called != ["h5py", "File"]:
                continue
            modes = [keyword.value for keyword in node.keywords if keyword.arg == "mode"] + node.args[1:2]
            if any(not (isinstance(mode, ast.Constant) and mode.value == "r") for mode in modes):
                found.append(f"{module}:{node.lineno}")
    return found


def replacements(modules):
    """Return the files that put one file in the place of another."""
    ways = {"os.replace", "os.rename", "shutil.move"}
    return sorted(
        module
        for module, source in modules.items()
        for node in ast.walk(parsed(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ways
    )


def nwb_readers(modules):
    """Return the files that open an NWB file for reading by themselves."""
    return sorted(
        module
        for module, source in modules.items()
        for node in ast.walk(parsed(source))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[-1] in {"NWBHDF5IO", "NWBZarrIO"}
        and "r" in [each.value for each in [*node.args, *(k.value for k in node.keywords)] if hasattr(each, "value")]
    )


def test_every_room_has_its_arrows_written_down():
    assert {room(module) for module in package_sources()} <= set(ALLOWED)


def test_imports_between_rooms_follow_the_design():
    assert forbidden_arrows(package_sources()) == []


def test_no_files_import_each_other():
    assert circles(package_sources()) == []


def test_the_circle_check_catches_two_files_and_a_longer_way_round():
    a, b, c = (f"nwb_autolfads.emg.{name}" for name in "abc")
    assert circles({a: f"import {b}", b: f"def f():\n    import {a}", c: ""}) == [[a, b]]
    assert circles({a: f"import {b}", b: f"import {c}", c: f"import {a}"}) == [[a, b, c]]
    assert circles({a: f"import {b}", b: f"import {c}", c: ""}) == []


def test_rooms_around_the_model_never_reach_torch():
    assert paths_to_torch(package_sources()) == []


def test_only_the_writing_rooms_write_nwb():
    assert nwb_writes(package_sources()) == []


def test_nwb_files_are_opened_for_reading_in_one_place():
    assert nwb_readers(package_sources()) == ["nwb_autolfads.sources.opening.nwb"]
    assert nwb_readers({"made_up": "pynwb.NWBHDF5IO(str(path), 'r')"}) == ["made_up"]


def test_a_file_takes_the_place_of_another_in_one_way():
    assert replacements(package_sources()) == [
        "nwb_autolfads.files.atomic",
        "nwb_autolfads.lfads.kernels.building",  # which imports nothing of ours, and says why
        "nwb_autolfads.results.versions.version",  # of a partial file by another, before it is moved
    ]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("nwb_autolfads.lfads.made_up", "from nwb_autolfads.errors import ConfigError"),
        ("nwb_autolfads.results.made_up", "def f():\n    import nwb_autolfads.commands"),
        ("nwb_autolfads.evaluation.made_up", "from nwb_autolfads import cli"),
        ("nwb_autolfads.search.made_up", "from ..estimators import base"),
        ("nwb_autolfads.new_room.made_up", "from nwb_autolfads.emg import preprocess"),
    ],
)
def test_the_arrow_check_catches_a_wrong_import(module, source):
    modules = package_sources() | {module: source, "nwb_autolfads.cli": "", "nwb_autolfads.estimators.base": ""}
    assert [arrow for arrow in forbidden_arrows(modules) if arrow.startswith(module)]


def test_the_arrow_check_lets_type_checking_imports_pass():
    source = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from nwb_autolfads.results.write import x\n"
    assert forbidden_arrows({"nwb_autolfads.emg.made_up": source}) == []


@pytest.mark.parametrize(
    "source", ["import torch.nn", "def f():\n    from torch import nn", "from nwb_autolfads.emg.between import g"]
)
def test_the_torch_check_catches_direct_and_indirect_imports(source):
    modules = {
        "nwb_autolfads": "",
        "nwb_autolfads.evaluation.made_up": source,
        "nwb_autolfads.emg": "",
        "nwb_autolfads.emg.between": "import nwb_autolfads.lfads.model",
        "nwb_autolfads.lfads": "import torch",
        "nwb_autolfads.lfads.model": "",
    }
    assert [chain for chain in paths_to_torch(modules) if chain.startswith("nwb_autolfads.evaluation.made_up")]


@pytest.mark.parametrize(
    "call",
    [
        "pynwb.NWBHDF5IO(path, 'a')",
        "NWBHDF5IO(path, mode='w')",
        "NWBHDF5IO(path, mode=mode)",
        "h5py.File(path, 'r+')",
    ],
)
def test_the_writing_check_catches_every_way_to_open_for_writing(call):
    assert nwb_writes({"nwb_autolfads.emg.made_up": call}) == ["nwb_autolfads.emg.made_up:1"]
    assert (
        nwb_writes({"nwb_autolfads.results.made_up": call, "nwb_autolfads.emg.made_up": "NWBHDF5IO(path, 'r')"}) == []
    )
