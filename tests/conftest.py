"""Fixtures shared by all tests."""

from pathlib import Path

import pytest

from nwb_autolfads.results.versions import version

REQUIRE_VALID = version.require_valid
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings beside the project; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real recordings are not here: {SHARED_DATA} does not exist")
    return SHARED_DATA


@pytest.fixture(scope="session", autouse=True)
def _without_validation():
    """Write results without validating them before they take their place: three quarters of the time of a command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(version, "require_valid", lambda *_: None)
        yield


@pytest.fixture
def validating(monkeypatch):
    """Write results as users do: validated before they take their place."""
    monkeypatch.setattr(version, "require_valid", REQUIRE_VALID)


@pytest.fixture
def undrawn(monkeypatch):
    """Leave the figures of a page as they are, for tests of its text: making them pixels takes most of its time."""
    for module in ("sections", "training"):
        monkeypatch.setattr(f"nwb_autolfads.report.{module}.data_uri", lambda figure: "data:image/png;base64,")
