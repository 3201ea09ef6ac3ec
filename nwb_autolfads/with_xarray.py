"""`.nal` is there as soon as xarray is, though the package does not import xarray by itself, which takes long."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

XARRAY, ACCESSOR = "xarray", "nwb_autolfads.accessor"


class _Waiting:
    """On the path of imports until xarray is imported, once."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        """Return how xarray is loaded, with `.nal` after it; None for every other module."""
        if name != XARRAY:
            return None
        from importlib import import_module
        from importlib.util import find_spec

        sys.meta_path.remove(self)
        found = find_spec(XARRAY)
        if found is None or found.loader is None:
            return found
        load = found.loader.exec_module

        def load_with_accessor(module: ModuleType) -> None:
            load(module)
            import_module(ACCESSOR)

        found.loader.exec_module = load_with_accessor  # type: ignore[method-assign]
        return found


def register() -> None:
    """Put `.nal` on xarray's objects: now where it is imported already, else when it is."""
    if XARRAY in sys.modules:
        from importlib import import_module

        import_module(ACCESSOR)
    else:
        sys.meta_path.insert(0, _Waiting())
