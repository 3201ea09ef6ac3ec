"""What a source says of each muscle besides its name: anatomical name, side, placement, channel, electrodes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

LONGEST = 256
"""Characters that are kept of anything said of a muscle."""

_NOTHING = ("", "nan", "n/a", "na", "none", "unknown")
_WORD = re.compile(r"(?<![A-Za-z])(left|right)(?![A-Za-z])", re.IGNORECASE)
_LETTER = re.compile(r"([LR])[_\W]")
_LETTERS = {"l": "left", "r": "right"}


def known(about: Mapping[str, Sequence[str]], names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return what is said of muscles in a form that every file can keep.

    Parameters
    ----------
    about : mapping of str to sequence of str
        One text for each muscle; see `nwb_autolfads.sources.recording.EmgRecording`.
    names : sequence of str
        The muscles.

    Returns
    -------
    dict of str to tuple of str
        Without what is not known of any muscle or only says its name again. ``side`` is left, right or empty, also
        from the names: where they hold the word, or all begin with L or R.
    """
    texts = {key: tuple(_clean(value) for value in values) for key, values in about.items()}
    said = [texts[key] for key in ("side", "full_name", "placement") if key in texts]
    short = [name[:LONGEST] for name in names]
    texts["side"] = tuple(_side(each) for each in zip(*said[:1], short, *said[1:], strict=True))
    if not any(texts["side"]) and all(_LETTER.match(name) for name in names):
        texts["side"] = tuple(_LETTERS[name[0].lower()] for name in names)
    return {key: values for key, values in texts.items() if any(values) and values != tuple(names)}


def _clean(text: str) -> str:
    shown = "".join(character if character.isprintable() else " " for character in str(text)[:LONGEST]).strip()
    return "" if shown.lower() in _NOTHING else shown


def _side(texts: Sequence[str]) -> str:
    for text in texts:
        if text.lower() in _LETTERS:
            return _LETTERS[text.lower()]
        found = {each.lower() for each in _WORD.findall(text)}
        if len(found) == 1:
            return found.pop()
    return ""
