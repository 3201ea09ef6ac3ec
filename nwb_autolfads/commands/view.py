"""`view`: a whole session in a browser on this machine."""

from __future__ import annotations

import gc
import webbrowser
from collections.abc import Callable
from pathlib import Path
from threading import Thread

from nwb_autolfads.errors import NwbAutolfadsError
from nwb_autolfads.files.address import is_address
from nwb_autolfads.files.regular import require_regular_file
from nwb_autolfads.sources import HDF5_SIGNATURE
from nwb_autolfads.viewer.extra import require_viewer

HEAD_START_S = 2.0
"""Of what is in view before the rest of the session is read: as long as a browser takes to load the page."""


def view(
    file: str | Path,
    say: Callable[[str], None],
    *,
    emg: str | None = None,
    port: int = 0,
    browser: bool = True,
    outside_links: bool = False,
) -> None:
    """Serve a page on a session to this machine until Ctrl-C.

    Parameters
    ----------
    file : str or Path
        A recording, or a file with estimates. It is read piece by piece and never opened for writing.
    say : callable
        Called with the address of the page, which holds the token, as soon as it is served. An NWB file in HDF5 form
        is opened while the browser loads the page; where it then holds nothing to draw, the page says so too.
    emg : str, optional
        Where the EMG is in the file.
    port : int
        0 takes any that is free.
    browser : bool
        Whether to open the page.
    outside_links : bool
        Whether the file may read from outside its own folder.

    Raises
    ------
    ConfigError
        If the packages of the extra ``viewer`` are not installed.
    SourceError
        If the file cannot be read, or nothing in it can be drawn.
    OutputError
        If the port cannot be had.
    """
    gc.disable()  # until all is there: a sixth of the time until then went into looking for garbage
    try:
        require_viewer()
        _serve(file, say, emg, port, browser, outside_links)
    finally:
        gc.enable()


def _serve(
    file: str | Path, say: Callable[[str], None], emg: str | None, port: int, browser: bool, outside_links: bool
) -> None:
    """Serve the page, and open the file meanwhile: loading libraries takes as long as a browser that starts."""
    from nwb_autolfads.viewer.opening import Opening
    from nwb_autolfads.viewer.page import make_app
    from nwb_autolfads.viewer.server import HOST, listen, new_token

    early = _surely_hdf5(file)
    token, opening = new_token(), Opening()
    server = listen(make_app(opening, token).server, port)
    address = f"http://{HOST}:{server.port}/{token}/"
    serving = Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        if early:
            _show(address, say, browser)
        from nwb_autolfads.viewer.session import opened_session

        with opened_session(file, emg=emg, outside_links=outside_links, head_start=HEAD_START_S) as session:
            opening.succeed(session)
            gc.freeze()
            gc.enable()
            if not early:
                _show(address, say, browser)
            while serving.is_alive():
                serving.join(1.0)  # one without an end would not be interrupted on Windows
    except NwbAutolfadsError as error:
        opening.fail(error)
        raise
    except KeyboardInterrupt:
        pass  # how it is meant to end
    finally:
        server.shutdown()
        server.server_close()


def _show(address: str, say: Callable[[str], None], browser: bool) -> None:
    say(address)
    if browser:
        Thread(target=webbrowser.open, args=(address,), daemon=True).start()  # some stay until they are closed


def _surely_hdf5(file: str | Path) -> bool:
    """Whether it can be opened while the browser loads the page: of most files it is known at once that it cannot."""
    if is_address(str(file)) or Path(file).is_dir():
        return False
    with require_regular_file(file).open("rb") as stream:
        return stream.read(len(HDF5_SIGNATURE)) == HDF5_SIGNATURE
