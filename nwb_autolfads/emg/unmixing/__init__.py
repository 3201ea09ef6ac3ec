"""What electrodes share that is not of their muscles, taken off raw EMG: cross-talk, and artifacts common to all."""
