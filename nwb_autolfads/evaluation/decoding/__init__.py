"""Decoding with lags, scored on parts of time that share nothing with what it was trained on."""
