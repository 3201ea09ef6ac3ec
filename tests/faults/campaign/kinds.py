"""All kinds of cases, in one list."""

from faults.campaign import structure, timing
from faults.campaign.cases import Case

ALL: list[Case] = [case for kind in (structure.CASES, timing.CASES, timing.result) for case in kind]
