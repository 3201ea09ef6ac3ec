"""Hundreds of odd and hostile inputs, each given to the real command: it works or says no, and nothing is lost."""

import os

import pytest
from faults.campaign.commands import Place, run_fresh
from faults.campaign.judge import problems, snapshot
from faults.campaign.kinds import ALL

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="commands are forked, which Windows cannot")

CASES = [
    pytest.param(case, id=f"{case.kind}: {case.name}", marks=[pytest.mark.slow] if case.slow else []) for case in ALL
]


@pytest.mark.parametrize("case", CASES)
def test_it_works_or_is_refused_and_nothing_is_lost(case, server, templates, tmp_path):
    place = Place(tmp_path / "case", templates)
    case.prepare(place)
    found = []
    for step in case.steps:
        before = snapshot(place.root)
        run = run_fresh if case.fresh else server.run
        found += problems(step, run(place, step.arguments, **case.how), place, before)
    # Names that are no text would stop the process that collects reports of several workers.
    assert not found, "\n".join(found).encode("utf-8", "backslashreplace").decode()


def test_the_campaign_is_as_large_as_it_says():
    names = [f"{case.kind}: {case.name}" for case in ALL]
    assert len(names) == len(set(names))
    assert len(names) >= 300
    assert sum(not case.slow for case in ALL) >= 80
    assert {case.kind for case in ALL} == {case.kind for case in ALL if not case.slow}
