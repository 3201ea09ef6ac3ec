"""A mutation run: faults are put into the code one by one, and the tests are asked to find them.

``python tests/mutants.py --count 150 --seed 0``. Faults are those of Cosmic Ray (an operator, a comparison, a number, a
``not``, ...), drawn at random: a place in the code, then what Cosmic Ray would make of it there. Left out are
annotations, which nothing evaluates, and the ``strict`` of `zip`, which only asserts. A fault counts as caught when a
test fails, or takes far longer than without it; where no test runs its line it counts as not caught.

The tests that `make test` runs are run once with a note of the lines that each runs; against a fault only those are run
that run its line. Every fault is tried in a fork of a process that has the large libraries loaded, on a copy of the
tree of its own.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import contextlib
import difflib
import importlib.metadata
import importlib.util
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import coverage
import parso  # before Cosmic Ray, which cannot be imported first
import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("lfads", "search", "estimators", "evaluation", "results")
LEFT_OUT = ("VariableReplacer", "VariableInserter", "ExceptionReplacer", "RemoveDecorator")
"""Of Cosmic Ray's: they need arguments, or make code that cannot be imported."""
HEAVY = (
    "torch",
    "scipy.optimize",
    "scipy.signal",
    "scipy.ndimage",
    "scipy.stats",
    "pandas",
    "xarray",
    "pynwb",
    "pydantic",
)
MOST_FAILING = 20
"""With more, what is found out says nothing."""
LEAST_SECONDS, TIMES_AS_LONG = 60.0, 6.0


@dataclass(frozen=True)
class Mutant:
    """One fault: where it is, and the file's text without and with it."""

    path: str
    line: int
    operator: str
    before: str
    source: str

    def diff(self) -> str:
        """Return the lines that differ."""
        lines = difflib.unified_diff(self.before.splitlines(), self.source.splitlines(), lineterm="", n=0)
        return "\n".join(line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=150, help="faults to try")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rooms", nargs="*", default=list(ROOMS))
    parser.add_argument("--coverage", type=Path, help="file that keeps which test runs which line, to be used again")
    parser.add_argument("--json", type=Path, help="write every fault and what became of it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tree"
        skipped = shutil.ignore_patterns("__pycache__", ".git", ".venv", ".mypy_cache", ".ruff_cache", "demo", "site")
        shutil.copytree(ROOT, copy, ignore=skipped)
        (Path(folder) / "shared").symlink_to((ROOT / ".." / "shared").resolve())
        lines, seconds = tests_by_line(copy, options.rooms, options.coverage)
        warm_up(copy)
        results = []
        for number, mutant in enumerate(sampled(copy, options.rooms, options.count, options.seed), 1):
            tests = lines.get((mutant.path, mutant.line)) or imported_by(mutant, seconds)
            tests = sorted(tests, key=lambda test: seconds.get(test, 0.0))
            outcome = tried(mutant, tests, copy, sum(seconds.get(test, 0.0) for test in tests))
            results.append({"path": mutant.path, "line": mutant.line, "operator": mutant.operator, "outcome": outcome})
            caught = sum(result["outcome"] not in SURVIVED for result in results)
            print(f"{number}/{options.count} {outcome:10s} {mutant.path}:{mutant.line}, caught {caught}", flush=True)
            if outcome in SURVIVED:
                print(mutant.diff(), flush=True)
            if options.json:
                options.json.write_text(json.dumps(results, indent=1))
    for room in options.rooms:
        here = Counter(r["outcome"] not in SURVIVED for r in results if f"/{room}/" in r["path"])
        print(f"{room:12s} {here[True]} of {here.total()} caught")
    print(f"{caught} of {len(results)} caught, {100 * caught / len(results):.0f} %")


SURVIVED = ("survived", "not run")


def warm_up(copy: Path) -> None:
    """Load what every child needs, and compile the copy, so that no child does it again."""
    for name in HEAVY:
        importlib.import_module(name)
    for plugin in importlib.metadata.entry_points(group="pytest11"):
        plugin.load()
    compileall.compile_dir(copy / "nwb_autolfads", quiet=1)
    collect = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only", "tests"]
    subprocess.run(collect, cwd=copy, env=environment(copy), stdout=subprocess.DEVNULL, check=False)


def sampled(copy: Path, rooms: list[str], count: int, seed: int) -> Iterator[Mutant]:
    """Draw faults: first a place and a kind of fault, all as likely, then one of that kind there."""
    places: dict[tuple[str, int, int, str], list[tuple[str, int]]] = defaultdict(list)
    texts: dict[str, str] = {}
    for room in rooms:
        for file in sorted((copy / "nwb_autolfads" / room).rglob("*.py")):
            path = str(file.relative_to(copy))
            texts[path] = file.read_text()
            nodes = list(ast_nodes(get_ast(texts[path])))
            for name in sorted(operator_names()):
                if name.split("/")[1] in LEFT_OUT:
                    continue
                operator = get_operator(name)()
                positions = (position for node in nodes for position in operator.mutation_positions(node))
                for occurrence, ((line, column), _) in enumerate(positions):
                    places[path, line, column, name.split("/")[1].split("_")[0]].append((name, occurrence))
    draw, drawn = random.Random(seed), 0
    order = sorted(places)
    draw.shuffle(order)
    for path, line, column, kind in order:
        name, occurrence = draw.choice(places[path, line, column, kind])
        source = mutate_code(texts[path], get_operator(name)(), occurrence)
        if source is not None and runnable(source) not in ("", runnable(texts[path])):
            yield Mutant(path, line, name.split("/")[1], texts[path], source)
            drawn += 1
        if drawn == count:
            return


def runnable(source: str) -> str:
    """Return what of a source is tried: its syntax tree without what is left out; nothing where it is no Python."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # Cosmic Ray takes the * of a signature for a product
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "zip":
            node.keywords = []
    return ast.dump(tree)


def tests_by_line(
    copy: Path, rooms: list[str], kept: Path | None
) -> tuple[dict[tuple[str, int], set[str]], dict[str, float]]:
    """Run the tests of the rooms; give the tests that run each line, and how long each takes (s)."""
    kept = kept or copy / "lines.json"
    if not kept.exists():
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--cov=nwb_autolfads"]
        command += ["--cov-report=", "--cov-context=test", "--durations=0", "-vv", "-rf", "-m", "not slow"]
        command += ["--numprocesses", "2", "--dist", "loadfile", *(f"tests/{room}" for room in rooms)]
        done = subprocess.run(command, cwd=copy, env=environment(copy), capture_output=True, text=True, check=False)
        failing = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("FAILED ")}
        if done.returncode not in (0, 1) or len(failing) > MOST_FAILING:
            raise SystemExit(f"the tests fail without any fault:\n{done.stdout[-3000:]}")
        if failing:
            print(f"left out, for they fail without any fault: {', '.join(sorted(failing))}", flush=True)
        seconds: dict[str, float] = defaultdict(float)
        for line in done.stdout.splitlines():
            parts = line.split(maxsplit=2)
            if len(parts) == 3 and parts[0].endswith("s") and parts[1] in ("call", "setup", "teardown"):
                seconds[parts[2]] += float(parts[0][:-1])
        data = coverage.CoverageData(str(copy / ".coverage"))
        data.read()
        found = {}
        for file in data.measured_files():
            path = str(Path(file).resolve().relative_to(copy.resolve()))
            for line, contexts in data.contexts_by_lineno(file).items():
                found[f"{path}:{line}"] = sorted({context.split("|")[0] for context in contexts if context} - failing)
        kept.write_text(json.dumps({"lines": found, "seconds": seconds}))
    read = json.loads(kept.read_text())
    lines = {(key.rsplit(":", 1)[0], int(key.rsplit(":", 1)[1])): set(tests) for key, tests in read["lines"].items()}
    return lines, read["seconds"]


def tried(mutant: Mutant, tests: list[str], copy: Path, usual_s: float) -> str:
    """Run tests on the copy with the fault in it; give ``caught``, ``too long``, ``survived`` or ``not run``."""
    if not tests:
        return "not run"
    file = copy / mutant.path
    file.write_text(mutant.source)
    Path(importlib.util.cache_from_source(str(file))).unlink(missing_ok=True)  # it only knows seconds and sizes
    try:
        child = os.fork()
        if not child:
            run_tests(copy, tests)
        ends = time.monotonic() + max(LEAST_SECONDS, TIMES_AS_LONG * usual_s)
        while time.monotonic() < ends:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return "survived" if os.waitstatus_to_exitcode(status) == 0 else "caught"
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return "too long"
    finally:
        file.write_text(mutant.before)


def imported_by(mutant: Mutant, seconds: dict[str, float]) -> set[str]:
    """Return the tests of a module's room, where the fault is outside of all functions; none where it is within one.

    What is run while a module is imported is in no test's lines.
    """
    for node in ast.walk(ast.parse(mutant.before)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            first = node.body[0] if isinstance(node.body, list) else node.body
            if first.lineno <= mutant.line <= (node.end_lineno or 0):
                return set()
    return {test for test in seconds if test.startswith(f"tests/{Path(mutant.path).parts[1]}/")}


def run_tests(copy: Path, tests: list[str]) -> None:
    """In a child: run the tests there, quietly, and end with their exit code."""
    os.setsid()
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    os.chdir(copy)
    os.environ.update(environment(copy), PYTHONDONTWRITEBYTECODE="1")
    sys.dont_write_bytecode = True
    sys.path[:] = [str(copy), *(entry for entry in sys.path if Path(entry or ".").resolve() != ROOT / "tests")]
    code = 1
    try:
        code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", *tests]))
    finally:
        os._exit(code)


def environment(copy: Path) -> dict[str, str]:
    """Return the environment in which the tests of the copy find its package."""
    return {**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"}


if __name__ == "__main__":
    assert parso
    main()
