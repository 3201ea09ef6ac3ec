"""Raw EMG without what electrodes share, cross-talk and common artifacts, and with its frequencies weighted."""
