"""The numbers of training and of the search are those of version 0.1.0, as it wrote them down."""

import json
from pathlib import Path

from nwb_autolfads.search.config import TrainingConfig
from nwb_autolfads.search.renamed import with_names_of_today

WRITTEN = Path(__file__).parents[1] / "back_compat" / "0.1.0" / "numbers.json"


def test_defaults_of_training_are_those_of_then():
    then = with_names_of_today(json.loads(WRITTEN.read_text()))
    assert TrainingConfig().model_dump(mode="json") == then["defaults"]["training"]


def test_bounds_of_training_are_those_of_then():
    bounds = with_names_of_today(json.loads(WRITTEN.read_text())["bounds"]["TrainingConfig"])
    now = TrainingConfig.model_json_schema()["properties"]
    for name, then in bounds.items():
        parts = [now[name], *now[name].get("anyOf", [])]
        assert any(all(part.get(bound) == value for bound, value in then.items()) for part in parts), name
