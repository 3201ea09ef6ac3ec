"""Training populations of LFADS models."""
