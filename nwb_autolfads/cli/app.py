"""The application: its commands, and what becomes of errors."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence

import typer

from nwb_autolfads.cli.apply import apply
from nwb_autolfads.cli.compare import compare
from nwb_autolfads.cli.demo import demo
from nwb_autolfads.cli.doctor import doctor
from nwb_autolfads.cli.inspect import inspect
from nwb_autolfads.cli.report import report
from nwb_autolfads.cli.run import run
from nwb_autolfads.cli.simulate import simulate
from nwb_autolfads.errors import NwbAutolfadsError

app = typer.Typer(
    name="nwb-autolfads",
    help="Muscle activation from the EMG in NWB files, by AutoLFADS and the estimators it must beat.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (inspect, run, apply, compare, report, simulate, demo, doctor):
    app.command()(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line: exit 0 when done, 1 when the input or the machine is at fault, 2 for wrong usage."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    warnings.formatwarning = lambda message, *_: f"Note: {message}\n"  # not the line of code that gave it
    try:
        app(arguments)
    except (NwbAutolfadsError, OSError, MemoryError) as error:
        if "--debug" in arguments:
            raise
        from nwb_autolfads.cli.console import fail

        fail(str(error) or type(error).__name__)
        raise SystemExit(1) from None
