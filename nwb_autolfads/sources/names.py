"""Muscle names and units as files give them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from pynwb import TimeSeries
from pynwb.ecephys import ElectricalSeries

from nwb_autolfads.files.limits import MAX_OBJECTS

_STEMS = re.compile(
    "bicep|tricep|delto|gastroc|soleus|tibial|vast|rectus|semiten|semimem|glute|trapez|pector|latiss|flexor|extens"
    "|brachi|carpi|digit|peron|femor|thenar|masset|sternoc|diaphr|adduct|abduct|iliop|gracil|sartor|pollic|muscle"
)
_LEG = (
    "ta sol so sl mg lg gm gl gas ga rf vm vl vi bf bfp bfa bfl st sm sar gr il gs tfl gmax gmed ma me fl pl pb "
    "edl fhl fdl ers es"
)
_ARM = (
    "apl bcp bcps bic bb tri tcp tcplat tlat tlong dlt dlta dltp delt ecrb ecrl ecr ecu edc fcr fcu fdi fdp fdpr fdpu "
    "fds apb opp adm brd br pt sup pec pecmaj lat trap hypoth thenar"
)
_ABBREVIATIONS = frozenset(f"{_LEG} {_ARM}".split())
_LISTED = re.compile(r"(?:columns?|channels?|muscles?)\s*(?:names?\s*)?[:=]\s*([^\n]+)", re.IGNORECASE)
_BRACKETED = re.compile(r"channels are (\[[^\]]*\])", re.IGNORECASE)  # as NeuroConv describes analog channels
_UNITS = {
    "V": ("v", "volt", "volts"),
    "mV": ("mv", "millivolt", "millivolts"),
    "uV": ("uv", "µv", "μv", "microvolt", "microvolts"),
    "a.u.": ("a.u.", "au", "a.u", "arbitrary", "arbitrary units", "n/a", "na", "none", "unknown", "", "normalized"),
}
VOLTS = {"V": 1.0, "mV": 1e-3, "uV": 1e-6}
SPOKEN_UNITS = {"V": "volts", "mV": "millivolts", "uV": "microvolts", "a.u.": "arbitrary units"}
_ELECTRODE_COLUMNS = ("location", "label", "electrode_name", "channel_name", "muscle", "group_name")


def normalise_unit(unit: str | None) -> str:
    """Return V, mV, uV or a.u. for the ways files write them; any other unit as it stands."""
    text = (unit or "").strip()
    for symbol, spellings in _UNITS.items():
        if text.lower() in spellings:
            return symbol
    return text


def is_muscle(name: str) -> bool:
    """Whether a name is that of a muscle, or a usual abbreviation, with or without its side."""
    lower = name.strip().lower()
    if _STEMS.search(lower):
        return True
    short = re.sub(r"emg|left|right|[\W_\d]+", "", lower)
    return (
        short in _ABBREVIATIONS or (short[:1] in "lr" and short[1:] in _ABBREVIATIONS) or short[:-1] in _ABBREVIATIONS
    )


def names_of_columns(series: TimeSeries, n_columns: int, kept: Sequence[int] | None = None) -> tuple[list[str], str]:
    """Return the names that a series gives its columns and what gave them; empty where nothing does.

    The number of names, and whether they differ, is for the caller to judge. Where only some columns are ``kept``,
    their electrodes alone can name them.
    """
    if isinstance(series, ElectricalSeries):
        names, column = _electrode_names(series, kept)
        if names:
            return names, f"the electrodes' {column}"
    if kept is not None and len(kept) < n_columns:
        return [], ""
    for field in ("comments", "description"):
        names = _listed_names(getattr(series, field, "") or "", n_columns)
        if names:
            return names, f"the series' {field}"
    return [], ""


def names_of_series(names: Sequence[str]) -> list[str]:
    """Return names of 1-D series without what they all share: EMG_TA, EMG_SOL -> TA, SOL."""
    if len(names) < 2:
        return [re.sub(r"(?i)[_\W]*emg[_\W]*", "", name) or name for name in names]
    head, tail = _shared(names)
    short = [name[len(head) : len(name) - len(tail)] for name in names]
    return list(names) if any(name.isdigit() or not name for name in short) else short


def pattern_of_series(names: Sequence[str]) -> str:
    """Return the pattern that names several 1-D series: EMG_TA, EMG_SOL -> EMG_*."""
    head, tail = _shared(names)
    return f"{head}*{tail}"


def repeated(names: Sequence[str]) -> list[str]:
    """Return the names that occur more than once."""
    return [name for name, count in Counter(names).items() if count > 1]


def _shared(names: Sequence[str]) -> tuple[str, str]:
    """Return what names begin and end with, cut where a word ends and only where it holds "emg"."""
    head = _common_start(names)
    tail = _common_start([name[::-1] for name in names])[::-1]
    head = re.sub(r"(?<=[_\W])[^_\W]*$", "", head) if re.search(r"(?i)emg[_\W]", head) else _up_to_emg(head)
    tail = re.sub(r"^[^_\W]*(?=[_\W])", "", tail) if re.search(r"(?i)[_\W]emg", tail) else ""
    return head, tail


def _common_start(names: Sequence[str]) -> str:
    first, last = min(names), max(names)  # what the extremes of the order share, all between them share
    same = [one == other for one, other in zip(first, last, strict=False)]
    return first[: same.index(False)] if False in same else first[: len(same)]


def _up_to_emg(head: str) -> str:
    found = re.search(r"(?i)^.*emg", head)
    return found.group() if found else ""


def _electrode_names(series: ElectricalSeries, kept: Sequence[int] | None) -> tuple[list[str], str]:
    if len(series.electrodes.data) > MAX_OBJECTS:
        return [], ""
    table, rows = series.electrodes.table, [int(row) for row in series.electrodes.data[:]]
    if any(not 0 <= row < len(table) for row in rows):
        return [], ""  # rows that are not in the table name nothing
    rows = rows if kept is None else [rows[at] for at in kept]
    fallback: tuple[list[str], str] = ([], "")
    for column in _ELECTRODE_COLUMNS:
        if column not in table.colnames:
            continue
        names = [str(table[column][row]).strip() for row in rows]
        if any(name.lower() in ("", "unknown", "none", "nan", "n/a") for name in names):
            continue
        if len(set(names)) == len(names):
            return names, column
        if len(set(names)) > 1 and not fallback[0]:
            fallback = names, column
    return fallback


def _listed_names(text: str, n_columns: int) -> list[str]:
    if bracketed := _BRACKETED.search(text):
        names = re.findall(r"[^\s,'\"\[\]]+", bracketed.group(1))
        return names if len(names) == n_columns else []
    found = _LISTED.search(text)
    listed = found.group(1) if found else text
    names = [name.strip() for name in re.split(r"[,;]", listed.strip().rstrip("."))]
    names = [name for name in names if name]
    if found:
        return names if len(names) > 1 or n_columns == 1 else []
    plausible = len(names) == n_columns > 1 and all(len(name) <= 20 for name in names)
    return names if plausible else []
