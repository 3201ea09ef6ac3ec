"""A smoother that was learnt from simulated worlds, where the truth is known; the same one for every recording."""
