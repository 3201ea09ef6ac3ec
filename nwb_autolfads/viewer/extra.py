"""The packages that the viewer needs beyond those of the others: the extra ``viewer``."""

from __future__ import annotations

from nwb_autolfads.errors import ConfigError


def require_viewer() -> None:
    """Refuse to go on without the packages of the extra.

    Raises
    ------
    ConfigError
        Naming the extra and how it is installed.
    """
    try:
        import dash  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"the viewer needs packages that are not installed ({error.name or error})",
            way_out='Install them: pip install "nwb-autolfads[viewer]"',
            obj="view",
        ) from error
