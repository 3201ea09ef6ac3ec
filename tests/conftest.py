"""Fixtures shared by all tests."""

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings beside the project; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real recordings are not here: {SHARED_DATA} does not exist")
    return SHARED_DATA


@pytest.fixture
def undrawn(monkeypatch):
    """Leave the figures of a page as they are, for tests of its text: making them pixels takes most of its time."""
    for module in ("sections", "training"):
        monkeypatch.setattr(f"nwb_autolfads.report.{module}.data_uri", lambda figure: "data:image/png;base64,")
