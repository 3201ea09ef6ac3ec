"""Values that do not fit are told with their place, their range and unit, and the nearest name."""

from typing import Annotated, Literal

import numpy as np
import pytest
from pydantic import Field

from nwb_autolfads.errors import ConfigError, SourceError
from nwb_autolfads.validation import Settings, checked, require_known_keys, taken


class Inner(Settings):
    low_ms: float = Field(1.0, ge=0, le=10, description="Low.")
    count: int = Field(3, gt=0, description="Count.")


class Outer(Settings):
    inner: Inner = Inner()
    cutoff_hz: Annotated[float, Field(gt=0)] | Literal["auto"] = Field(20.0, description="Cutoff.")
    kind: Literal["a", "b"] = Field("a", description="Kind.")
    many_hz: tuple[float, ...] = Field((), strict=False, description="Many.")
    smooth: bool | None = Field(None, description="Smooth.")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"iner": {}}, "there is no setting iner. Did you mean inner? docs/settings.md lists all"),
        ({"inner": {"low": 3}}, "there is no setting inner.low. Did you mean low_ms? docs/settings.md lists all"),
        ({"inner": {"quux": 3}}, "there is no setting inner.quux. Known are low_ms, count. docs/settings.md lists all"),
        ({"inner": {"low_ms": -1}}, "inner.low_ms=-1 is out of range. Give a number from 0 up to 10 (ms)"),
        ({"inner": {"low_ms": float("nan")}}, "inner.low_ms=nan is out of range. Give a number from 0 up to 10 (ms)"),
        ({"inner": {"count": 1.5}}, "inner.count=1.5 does not fit. Give a whole number above 0"),
        ({"inner": {"count": True}}, "inner.count=True does not fit. Give a whole number above 0"),
        ({"inner": 3}, "inner is 3, no settings. Give its settings by name: low_ms, count"),
        ({"cutoff_hz": "5"}, "cutoff_hz='5' does not fit. Give a number above 0 (Hz) or 'auto'"),
        ({"cutoff_hz": float("inf")}, "cutoff_hz=inf is out of range. Give a number above 0 (Hz) or 'auto'"),
        ({"kind": "c"}, "kind='c' does not exist. Give 'a' or 'b'"),
        ({"many_hz": [1, "x"]}, "many_hz[1]='x' does not fit. Give a list, of a number (Hz) each"),
        ({"smooth": "maybe"}, "smooth='maybe' does not fit. Give true or false, or nothing"),
    ],
)
def test_what_does_not_fit_is_said_with_what_would(values, message):
    with pytest.raises(ConfigError) as caught:
        checked(Outer, values)
    assert str(caught.value) == message


def test_place_file_and_kind_of_error_are_those_of_the_caller():
    with pytest.raises(SourceError) as caught:
        checked(Outer, {"kind": "c"}, error=SourceError, file="x.yaml", obj="model", part="estimator")
    assert str(caught.value) == "x.yaml, model: estimator.kind='c' does not exist. Give 'a' or 'b'"


@pytest.mark.parametrize("value", [np.int64(4), np.float32(4), 4.0])
def test_numbers_of_numpy_and_whole_floats_are_numbers(value):
    settings = checked(Outer, {"inner": {"count": value, "low_ms": value}, "cutoff_hz": value})
    assert (settings.inner.count, settings.inner.low_ms, settings.cutoff_hz) == (4, 4.0, 4.0)


def test_a_value_is_never_longer_than_a_line_and_moves_no_cursor():
    for value in ("x" * 20_000, "\x1b[2J" * 5000, 10**5000, [["x" * 50] * 50] * 50, {"k" * 5000: 1}):
        with pytest.raises(ConfigError) as caught:
            checked(Outer, {"kind": value})
        assert len(str(caught.value)) < 200
        assert str(caught.value).isprintable()
    with pytest.raises(ConfigError) as caught:
        checked(Outer, {"x" * 20_000: 1})
    assert len(str(caught.value)) < 300


def test_keys_are_known_at_any_depth_without_looking_at_values():
    require_known_keys(Outer, {"inner": {"low_ms": "nonsense"}, "kind": 5})
    with pytest.raises(ConfigError) as caught:
        require_known_keys(Outer, {"inner": {"lowms": 1}}, file="x.yaml", part="part")
    assert str(caught.value) == (
        "x.yaml: there is no setting part.inner.lowms. Did you mean low_ms? docs/settings.md lists all"
    )


def test_what_a_setting_takes_is_said_with_bounds_inside_a_choice():
    assert taken("cutoff_hz", Outer.model_fields["cutoff_hz"]) == "a number above 0 (Hz) or 'auto'"
