"""What an estimate is compared with: cortex, behaviour, force, the EMG it came from. xarray in, xarray out."""
