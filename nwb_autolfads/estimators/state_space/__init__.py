"""The state-space smoother of log amplitude: by itself, and as the second step of AutoLFADS."""
