"""Decoding with lags, scored on blocks of time that share nothing with what it was trained on."""
