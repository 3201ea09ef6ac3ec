"""Figures of an estimate and the self-contained HTML page made of them."""
