"""`view`: a whole session in a browser on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from nwb_autolfads.cli import options


def view(
    file: options.Recording,
    emg: options.EmgPath = None,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port on this machine; 0 takes any that is free.", metavar="N")
    ] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page, or only say where.")] = True,
    outside_links: options.OutsideLinks = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Show the whole session in a browser on this machine, until Ctrl-C."""
    from nwb_autolfads.cli.console import Console
    from nwb_autolfads.commands.view import view as serve_view

    console = Console(as_json=as_json)

    def say(address: str) -> None:
        console.tell(f"Look at it: {address}")
        console.tell("Only this machine can open it, and only at this address. Ctrl-C ends it.")
        console.result({"address": address})

    serve_view(file, say, emg=emg, port=port, browser=browser, outside_links=outside_links)
    console.tell("Ended.")
