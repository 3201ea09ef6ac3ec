"""What names a file: an address or a path of this machine."""

from __future__ import annotations

import re
from pathlib import PurePath

_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def is_address(name: str) -> bool:
    """Whether a name is an address (``https://...``) rather than a path."""
    return bool(_ADDRESS.match(name))


def without_folder(name: str) -> str:
    """Return the last part of a path, which tells nothing of a machine; an address stays whole."""
    return name if is_address(name) else PurePath(name).name
