"""What becomes of a filter that runs forward and backward: its order doubles, and its -3 dB point moves."""

from __future__ import annotations

from math import atan, pi, sqrt, tan

BOTH_WAYS = "both_ways"
"""Where a step or a configuration says it, beside the numbers of one way."""

ONE_WAY = sqrt(2) - 1
"""Where a filter has halved the power of both ways together, one way has left 1 / (1 + this) of it."""


def butterworth_both_ways(cutoff: float, order: int, rate: float, *, high: bool = False) -> dict[str, float]:
    """Return order and -3 dB point (Hz) of a Butterworth filter that runs both ways.

    Parameters
    ----------
    cutoff : float
        Its -3 dB point one way (Hz); there it takes 6 dB both ways.
    order : int
        One way.
    rate : float
        Hz.
    high : bool
        Whether it is a high-pass.
    """
    shift = ONE_WAY ** (1 / (2 * order))
    moved = tan(pi * cutoff / rate) * (1 / shift if high else shift)
    return {"order": 2 * order, "minus_3_db_hz": round(rate / pi * atan(moved), 3)}


def notch_both_ways(bandwidth: float) -> dict[str, float]:
    """Return the width at -3 dB (Hz) of a narrow second-order notch that runs both ways."""
    return {"order": 4, "bandwidth_hz": round(bandwidth / sqrt(ONE_WAY), 3)}
