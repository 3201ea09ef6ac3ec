"""Rows of the Markdown tables that benchmarks print."""

from __future__ import annotations


def line(*cells: object, form: str = ".3g") -> None:
    """Print a row; ``form`` is how numbers are written."""
    print(
        "| " + " | ".join(f"{cell:{form}}" if isinstance(cell, float) else str(cell) for cell in cells) + " |",
        flush=True,
    )


def head(*cells: str) -> None:
    """Print the head of a table."""
    line(*cells)
    line(*["---"] * len(cells))
