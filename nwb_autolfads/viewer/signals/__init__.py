"""What of a session is drawn over time, read piece by piece, and coarser where more is in view."""
