"""`view`: a whole session in a browser on this machine."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable
from pathlib import Path
from threading import Thread

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
        Called with the address of the page, which holds the token, as soon as it is served.
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
    require_viewer()
    from nwb_autolfads.viewer.page import make_app
    from nwb_autolfads.viewer.server import HOST, listen, new_token
    from nwb_autolfads.viewer.session import opened_session

    with opened_session(file, emg=emg, outside_links=outside_links, head_start=HEAD_START_S) as session:
        token = new_token()
        server = listen(make_app(session, token).server, port)
        try:
            address = f"http://{HOST}:{server.port}/{token}/"
            say(address)
            if browser:
                Thread(target=webbrowser.open, args=(address,), daemon=True).start()  # some stay until they are closed
            server.serve_forever()
        except KeyboardInterrupt:
            pass  # how it is meant to end
        finally:
            server.server_close()
