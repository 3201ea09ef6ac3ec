"""Errors: bounded, printable, one line per part, and what scripts can catch."""

from nwb_autolfads.errors import ConfigError, MissingFileError, NwbAutolfadsError, SourceError, printable, shown


def test_a_message_is_bounded_and_printable_whatever_it_names():
    error = ConfigError("x" * 30_000, way_out="y" * 30_000, file="\x1b[2J" * 2000, obj="a\nb\udcff")
    assert len(str(error)) < 2500
    assert str(error).isprintable()
    assert "a\\nb\\udcff" in str(error)


def test_a_message_names_file_object_problem_and_way_out():
    assert str(NwbAutolfadsError("is odd", way_out="Mend it", file="f", obj="o")) == "f, o: is odd. Mend it"


def test_a_list_in_a_message_keeps_its_lines():
    assert printable("a:\n  b\tc") == "a:\n  b\\tc"


def test_a_shown_value_is_one_line():
    assert shown("a\nb") == "'a\\nb'"
    assert shown(2**200).startswith("16069380442589902")
    assert len(shown(2**200)) == 40
    assert len(shown({"k" * 500: ["v" * 500] * 500})) <= 125


def test_a_missing_file_is_also_the_error_that_scripts_expect():
    error = MissingFileError("there is no such file", way_out="Check the path", file="x")
    assert isinstance(error, SourceError)
    assert isinstance(error, FileNotFoundError)
    assert str(error) == "x: there is no such file. Check the path"
