"""EMG-BIDS (BIDS 1.11): what the files beside a recording say of its channels, electrodes and filters."""
