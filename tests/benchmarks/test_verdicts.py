"""How often the verdict is right: what counts as right, and that the worlds of other tables are left alone."""

import pytest


@pytest.fixture
def verdicts():
    return __import__("verdicts")


def row(world, claim, r2, first="lowpass", second="bayes"):
    return {"world": world, "first": first, "second": second, "claim": claim, "score": 0.1, "error": 0.01, "r2": r2}


def test_only_claims_count_and_a_claim_is_right_where_the_truth_has_its_sign(verdicts):
    rows = [
        row("world 1", 1, 0.1),
        row("world 1", -1, 0.05),
        row("world 2", 0, -0.3),
        row("world 2", -1, -0.01, second="autolfads"),
    ]
    lines = verdicts.table(rows).splitlines()
    assert "| all | 4 | 3 | 2 (66.7%) | 1 of 2 |" in lines
    assert "| AutoLFADS and another | 1 | 1 | 1 (100.0%) | 0 of 2 |" in lines
    assert "In 2 of 2 worlds a claim was made." in lines
    assert lines[-1] == "Wrong: world 1, lowpass and bayes: claimed -1, R² +0.050."


@pytest.mark.parametrize("seed", [2017, 2019])
def test_the_worlds_of_other_tables_are_refused(verdicts, seed, capsys):
    with pytest.raises(SystemExit):
        verdicts.main(["--seed", str(seed)])
    assert f"the worlds of seed {seed} are kept for other tables" in capsys.readouterr().err
