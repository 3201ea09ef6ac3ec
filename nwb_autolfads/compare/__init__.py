"""Activation beside what it should explain: the truth of a simulated session. xarray in, xarray out."""
