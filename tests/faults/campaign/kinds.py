"""All kinds of cases, in one list."""

from campaign import structure, timing
from campaign.cases import Case

ALL: list[Case] = [case for kind in (structure.CASES, timing.CASES, timing.result) for case in kind]
