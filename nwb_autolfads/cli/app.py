"""The application: its commands, and what becomes of errors."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from nwb_autolfads.cli.apply import apply
from nwb_autolfads.cli.demo import demo
from nwb_autolfads.cli.doctor import doctor
from nwb_autolfads.cli.ending import (
    WRONG_USAGE,
    Stopped,
    cached_somewhere,
    message_of,
    settle_streams,
    show_usage,
    stopping_cleanly,
)
from nwb_autolfads.cli.look.compare import compare
from nwb_autolfads.cli.look.inspect import inspect
from nwb_autolfads.cli.look.report import report
from nwb_autolfads.cli.look.view import view
from nwb_autolfads.cli.run import run
from nwb_autolfads.cli.simulate import simulate

app = typer.Typer(
    name="nwb-autolfads",
    help="Muscle activation from the EMG in NWB files, by AutoLFADS and the estimators it must beat.",
    no_args_is_help=True,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _about(
    version: Annotated[bool, typer.Option("--version", help="Show the version.", is_eager=True)] = False,
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"nwb-autolfads {installed('nwb-autolfads')}")
        raise typer.Exit


for command in (inspect, run, apply, compare, report, view, simulate, demo, doctor):
    app.command()(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line: exit 0 when done, 1 when the input or the machine is at fault, 2 for wrong usage.

    A signal to end is answered with 128 and its number, after what was half-written is removed.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    settle_streams()
    try:
        with stopping_cleanly(), cached_somewhere():
            code = app(arguments, standalone_mode=False)
    except Stopped as stopped:
        raise SystemExit(128 + stopped.number) from None
    except WRONG_USAGE as wrong_usage:
        raise SystemExit(show_usage(wrong_usage)) from None
    except Exception as error:
        if "--debug" in arguments:
            raise
        from nwb_autolfads.cli.console import fail

        fail(message_of(error, arguments))
        raise SystemExit(1) from None
    raise SystemExit(code or 0)
