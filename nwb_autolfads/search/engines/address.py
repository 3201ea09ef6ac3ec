"""The address of a Ray cluster: where it may come from, and what it may be."""

from __future__ import annotations

import os
import re

from nwb_autolfads.errors import ConfigError, shown

VARIABLE = "RAY_ADDRESS"  # Ray's own
AUTO = "auto"
FORM = re.compile(rf"{AUTO}|(?:[A-Za-z0-9_.\-]+|\[[0-9a-fA-F:.]+\]):(\d{{1,5}})")
LAST_PORT = 65535


def of_cluster(given: str | None) -> str | None:
    """Return the address of the cluster to join, None where there is none to join.

    Parameters
    ----------
    given : str, optional
        HOST:PORT, or auto. Unset, and for auto, Ray's variable comes first, as it does in Ray.

    Raises
    ------
    ConfigError
        If the address is none; it names the variable where it comes from there.
    """
    of_environment = os.environ.get(VARIABLE) or None
    by_variable = given in (None, AUTO) and of_environment is not None
    name, address = (VARIABLE, of_environment) if by_variable else ("address", given)
    if address is None:
        return None
    found = FORM.fullmatch(address)
    if found is None or int(found[1] or 0) > LAST_PORT:
        raise ConfigError(f"{name} is {shown(address)}", obj="training", way_out="Give HOST:PORT, or auto.")
    return address
