"""Spikes: of sorted units, or counted in bins."""
