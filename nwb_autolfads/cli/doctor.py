"""`doctor`: what this machine offers."""

from __future__ import annotations

from dataclasses import asdict

import typer

from nwb_autolfads.cli import options


def doctor(as_json: options.Json = False, debug: options.Debug = False) -> None:
    """Show versions, accelerator and what is missing."""
    from nwb_autolfads.cli.console import Console
    from nwb_autolfads.commands.doctor import examine

    console, facts = Console(as_json=as_json), examine()
    console.table(
        "", ("what", "found", "what to do"), [(fact.subject, fact.found or "-", fact.advice) for fact in facts]
    )
    console.result({"facts": [asdict(fact) for fact in facts]})
    if not all(fact.healthy for fact in facts):
        raise typer.Exit(1)
