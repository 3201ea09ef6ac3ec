"""Write the tables of these pages that follow from the package: ``python docs/tables.py``; ``--check`` writes nothing.

A table stands between two comments, ``<!-- estimators -->`` and ``<!-- end -->``, with the name of what makes it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from nwb_autolfads.config import RunSettings
from nwb_autolfads.estimators import registry
from nwb_autolfads.estimators.autolfads.config import PRESETS as AUTOLFADS_PRESETS
from nwb_autolfads.estimators.autolfads.config import AutoLFADSConfig
from nwb_autolfads.validation import part_of, taken

DOCS = Path(__file__).resolve().parent
ABILITIES = {
    "trains": "trained",
    "predicts_hidden": "scored on held-out EMG",
    "takes_trials": "trials",
    "saves_model": "model can be kept",
}


def estimators() -> str:
    """Return what is registered: keys, classes, what `fit` chooses and what each can do."""
    head = "| `--estimator` | in Python | what it is | `fit` chooses | can |\n|---|---|---|---|---|\n"
    rows = [
        f"| `{entry.key}` | `nal.{entry.name}` | {entry.summary} | {entry.chooses} | {_abilities(entry)} |"
        for entry in registry.entries()
    ]
    together = ", ".join(f"`{entry.key}`" for entry in registry.chosen(registry.ALL))
    return head + "\n".join([*rows, f"| `{registry.ALL}` | | {together}, side by side in one file | | |"])


def keys() -> str:
    """Return what `run --estimator` takes."""
    rows = [f"| `{entry.key}` | {entry.summary} |" for entry in registry.entries()]
    together = ", ".join(f"`{entry.key}`" for entry in registry.chosen(registry.ALL))
    head = "| `--estimator` | what it is |\n|---|---|\n"
    return head + "\n".join([*rows, f"| `{registry.ALL}` | {together}, side by side in one file |"])


def settings() -> str:
    """Return every key of a settings file, part by part."""
    parts = ["preprocessing", "session"]
    models = {part: RunSettings.model_fields[part].annotation for part in parts}
    models |= {entry.key: entry.settings_model() for entry in registry.entries()}
    told = []
    for part, model in models.items():
        if model is None:
            continue
        rows = "\n".join(_rows(model, "", _defaults(model)))
        told.append(f"## `{part}`\n\n| key | takes | default | what it is |\n|---|---|---|---|\n{rows}")
    return "\n\n".join(told)


def _defaults(model: type[BaseModel]) -> dict[str, BaseModel]:
    presets = AUTOLFADS_PRESETS if model is AutoLFADSConfig else {}
    return dict(presets) or {"": model()}


def _rows(model: type[BaseModel], within: str, values: Mapping[str, BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = f"{within}{name}"
        here = {preset: getattr(each, name) for preset, each in values.items()}
        if inner := part_of(field):
            yield from _rows(inner, f"{key}.", here)
            continue
        said = {preset: _default(value) for preset, value in here.items()}
        different = len(set(said.values())) > 1
        default = (
            "; ".join(f"{preset}: {text}" for preset, text in said.items()) if different else next(iter(said.values()))
        )
        yield f"| `{key}` | {taken(name, field)} | {default} | {field.description} |".replace("\n", " ")


def _default(value: object) -> str:
    if value is None or value in ("", ()):
        return "nothing"
    if isinstance(value, tuple):
        return ", ".join(map(_default, value))
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


TABLES: dict[str, Callable[[], str]] = {"estimators": estimators, "estimator keys": keys, "settings": settings}


def with_tables(text: str) -> str:
    """Return a page with its tables made anew."""

    def made(found: re.Match[str]) -> str:
        return f"<!-- {found[1]} -->\n{TABLES[found[1]]()}\n<!-- end -->"

    return re.sub(rf"<!-- ({'|'.join(TABLES)}) -->\n.*?<!-- end -->", made, text, flags=re.DOTALL)


def main(*, check: bool) -> list[str]:
    """Write every page whose tables are not what they should be, unless only to check; return their names."""
    changed = []
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        if (new := with_tables(text)) != text:
            changed.append(page.relative_to(DOCS).as_posix())
            if not check:
                page.write_text(new, encoding="utf-8")
    return changed


def _abilities(entry: registry.Entry) -> str:
    return ", ".join(words for ability, words in ABILITIES.items() if getattr(entry.can, ability))


if __name__ == "__main__":
    found = main(check="--check" in sys.argv[1:])
    print("\n".join(found) or "every table is as the package has it")
    sys.exit(bool(found) and "--check" in sys.argv[1:])
