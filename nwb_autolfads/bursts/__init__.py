"""When muscles are active: onsets and offsets of bursts, and epochs around events."""
