"""The one judge of all cases: what a command may do to a file that is odd or hostile, and how it must say no."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path

from faults.campaign.cases import Expected, Step, made_by
from faults.campaign.commands import LIMIT_S, Outcome, Place

PREFIX = "nwb-autolfads: "
LISTED = "  "  # lines of a message that lists what is in the file
LONGEST_MESSAGE = 1500  # characters: what fits on a screen
LONGEST_WORD = 300  # characters without a space: more than a name is a dump of something
USAGE = re.compile(r"(Usage: .*\n)(Try .*\n)?\n?(Error: .+)", re.DOTALL)  # what typer says of wrong options
LIBRARIES = ("home/.cache/pynwb-hdmf", "home/.cache/matplotlib", "home/.config/matplotlib", "home/.cache/fontconfig")
WAY_OUT = re.compile(r"[.;:] +[A-Z-]\S* ")


def snapshot(root: Path) -> dict[str, tuple]:
    """Return what can be told of every file below a folder: kind, permissions, size, time and hash."""
    found: dict[str, tuple] = {}
    for folder, folders, names in os.walk(os.fsencode(root)):
        for name in [*folders, *names]:
            path = os.path.join(folder, name)
            state = os.lstat(path)
            kind, key = stat.S_IFMT(state.st_mode), os.fsdecode(os.path.relpath(path, os.fsencode(root)))
            if key in ("home/.cache", "home/.config") or key.startswith(LIBRARIES):
                continue  # what libraries keep for themselves
            if stat.S_ISREG(kind):
                with open(path, "rb") as stream:
                    content = hashlib.sha256(stream.read()).hexdigest()
                found[key] = (kind, state.st_mode, state.st_size, state.st_mtime_ns, content)
            else:
                found[key] = (kind, os.readlink(path) if stat.S_ISLNK(kind) else state.st_mode)
    return found


def problems(step: Step, outcome: Outcome, place: Place, before: dict[str, tuple]) -> list[str]:
    """Return everything that a command did wrong; nothing where it did right."""
    found = [*_of_ending(step, outcome), *_of_speech(outcome)]
    done = outcome.code == 0
    if outcome.code > 0 and "Traceback" not in outcome.stderr:
        found += _of_message(step, outcome, place)
    if done == (step.expected is Expected.WORKS) or step.expected is Expected.EITHER:
        said = outcome.stdout + outcome.stderr
        found += [f"does not say {word!r}: {outcome.stderr[:500]!r}" for word in step.says if word not in said]
    found += _of_files(step.makes if done else (), before, snapshot(place.root), must=done)
    return [f"{' '.join(step.arguments)[:200]}: {each}" for each in found]


def _of_ending(step: Step, outcome: Outcome) -> list[str]:
    if outcome.hung:
        return [f"hung for {LIMIT_S:g} s"]
    if outcome.code < 0:
        return [f"was ended by signal {-outcome.code}"]
    if outcome.code not in (0, 1, 2):
        return [f"exit {outcome.code}"]
    if step.expected is Expected.WORKS and outcome.code:
        return [f"exit {outcome.code}, should work: {outcome.stderr[:400]!r}"]
    if step.expected is Expected.REFUSED and not outcome.code:
        return ["exit 0, should be refused"]
    return []


def _of_speech(outcome: Outcome) -> list[str]:
    found = []
    for name, text in (("stdout", outcome.stdout), ("stderr", outcome.stderr)):
        if "Traceback" in text:
            found.append(f"traceback on {name}: ...{text[-400:]!r}")
        if "nobody foresaw" in text:
            found.append(f"an error that nobody foresaw on {name}: {text[-400:]!r}")
        if "\x1b" in text:
            found.append(f"escape codes on {name}")
    said = outcome.stderr
    if outcome.code in (0, 1) and "Traceback" not in said and not (outcome.code == 0 and "--json" in outcome.arguments):
        strangers = [line for line in said.splitlines() if line and not line.startswith((PREFIX, LISTED))]
        if strangers:
            found.append(f"stderr holds what is no message: {strangers[0][:300]!r}")
        if said.count(PREFIX) > 1:
            found.append(f"{said.count(PREFIX)} messages: {said[:600]!r}")
    return found


def _of_message(step: Step, outcome: Outcome, place: Place) -> list[str]:
    said = outcome.stderr.replace(str(place.root), "")
    if not said.strip():
        return ["no message"]
    found = []
    if outcome.code == 2 and not USAGE.fullmatch(said.strip()):
        found.append(f"exit 2 without saying how to use it: {said[:300]!r}")
    if outcome.code == 1 and not WAY_OUT.search(said):
        found.append(f"no way out is named: {said[:400]!r}")
    if said.startswith(f"{PREFIX}[Errno"):
        found.append(f"the system's error, not ours: {said[:300]!r}")
    if len(said) > LONGEST_MESSAGE:
        found.append(f"a message of {len(said)} characters: {said[:300]!r}")
    longest = max(map(len, said.split()))
    if longest > LONGEST_WORD:
        found.append(f"a word of {longest} characters: {said[:300]!r}")
    named = [*step.arguments[1:], *made_by(step.arguments)]
    if outcome.code == 1 and not any(_shown(each) in said or _escaped(each) in said for each in named):
        found.append(f"names neither the file nor the option: {said[:400]!r}")
    return found


def _shown(argument: str) -> str:
    """Return what a message shows in any case of a path or an option: letters of its last part."""
    name = os.path.basename(argument.rstrip("/")).removeprefix("--")[:80]
    return max("".join(each if each.isprintable() else "\n" for each in name).split("\n"), key=len)


def _escaped(argument: str) -> str:
    """Return how a message shows letters that the terminal's encoding does not know."""
    return "".join(chr(each) if each < 128 else f"\\udc{each:02x}" for each in os.fsencode(argument))


def _of_files(makes: tuple[str, ...], before: dict[str, tuple], after: dict[str, tuple], *, must: bool) -> list[str]:
    allowed = {f"work/{name}" for name in makes}
    found = [f"left {name}" for name in sorted(after.keys() - before.keys() - allowed)]
    found += [f"removed {name}" for name in sorted(before.keys() - after.keys())]
    for name in sorted((before.keys() & after.keys()) - allowed):
        if before[name] != after[name]:
            found.append(f"{'changed the bytes of' if before[name][-1] != after[name][-1] else 'touched'} {name}")
    if must:
        found += [f"did not make {name}" for name in sorted(allowed - after.keys())]
    return found
