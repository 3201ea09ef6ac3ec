"""All kinds of cases, in one list."""

from dataclasses import replace

from faults.campaign import (
    bombs,
    damaged,
    dead_links,
    emg_content,
    links,
    models,
    names,
    outputs,
    results,
    settings,
    structure,
    timing,
    zarr_and_neo,
)
from faults.campaign.cases import Case, Kind

KINDS: tuple[Kind, ...] = (
    structure.CASES,
    timing.CASES,
    timing.result,
    links.CASES,
    dead_links.CASES,
    bombs.CASES,
    bombs.RESULTS,
    emg_content.CASES,
    outputs.CASES,
    results.CASES,
    results.TRAINED,
    models.CASES,
    settings.CASES,
    settings.OPTIONS,
    names.CASES,
    zarr_and_neo.ZARR,
    zarr_and_neo.NEO,
    damaged.CASES,
    damaged.RESULTS,
)
FAST_EVERY = 10
"""Of each kind every so many cases run in `make test`, the others with the slow tests."""

ALL: list[Case] = [
    replace(case, slow=case.slow or at % FAST_EVERY > 0) for kind in KINDS for at, case in enumerate(kind)
]
