"""The command line: it parses, calls a command, prints. What is heavy is imported late."""

from nwb_autolfads.cli.app import main

__all__ = ["main"]
