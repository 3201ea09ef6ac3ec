"""The steps of preprocessing: as they are kept beside the EMG, and as settings to do the same again."""
