"""Sessions with known truth: what a lab would record, and the activation that made it."""

from nwb_autolfads.simulate.config import SimulationConfig
from nwb_autolfads.simulate.session import simulate_session
from nwb_autolfads.simulate.truth import read_true_activation

__all__ = ["SimulationConfig", "read_true_activation", "simulate_session"]
