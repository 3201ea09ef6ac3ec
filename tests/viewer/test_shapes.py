"""Every way in which archives store EMG is drawn, and a burst stands where it was, through gaps and all levels."""

import numpy as np
import pytest
from builders import ARCHIVES, dandi_000540

from nwb_autolfads.viewer.rows import described
from nwb_autolfads.viewer.session import opened_session
from nwb_autolfads.viewer.signals.pyramid import STEP, TILE

EVENTS = (14.1234, 17.0, 24.4567, 36.7771)


def bursts(time):
    """A burst at each event, on a carrier that high-pass filters let through."""
    size = sum(np.exp(-0.5 * ((time - event) / 0.05) ** 2) for event in EVENTS)
    carrier = np.sign(np.sin(2 * np.pi * 213 * time + 0.1))
    return np.stack([size * carrier, size * np.roll(carrier, 1)], axis=1)


MANY_COLUMNS = {dandi_000540}


@pytest.mark.parametrize(
    "build", [pytest.param(each, marks=pytest.mark.slow if each in MANY_COLUMNS else ()) for each in ARCHIVES]
)
def test_a_burst_is_drawn_where_it_was(tmp_path, build):
    path, emg = build(tmp_path / "a.nwb", bursts)
    with opened_session(path, emg=emg) as session:
        session.wait_for()
        drawn = session.signals["emg"]
        assert len([row for row in described(session)["rows"] if row["group"] == "muscle"]) == len(session.muscles)
        for level in range(drawn.n_levels):
            width = STEP**level / drawn.rate
            if width > 0.05:
                break
            tiles = [drawn.tile(level, at)[0] for at in range(-(-drawn.n_bins // (TILE * STEP**level)))]
            high = np.concatenate(tiles, axis=2)[1, 0]
            time = drawn.start + (np.arange(len(high)) + 0.5) * width
            for event in EVENTS:
                near = (np.abs(time - event) < 0.2) & np.isfinite(high)
                middle = np.sum(time[near] * high[near] ** 2) / np.sum(high[near] ** 2)
                assert middle == pytest.approx(event, abs=max(0.01, width))
