"""The Bayesian filter and smoother of EMG amplitude."""
