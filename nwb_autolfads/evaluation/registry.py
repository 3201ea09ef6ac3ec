"""All scores that the package knows: the command line, the formats and the report page are driven by this list."""

from __future__ import annotations

from nwb_autolfads.evaluation.score import Score
from nwb_autolfads.evaluation.scores import behavior, cortex, force, response, unseen

SCORES: tuple[Score, ...] = (unseen.SCORE, cortex.SCORE, behavior.SCORE, response.SCORE, force.SCORE)
"""In the order in which they are shown."""
