"""EMG from the formats of acquisition systems, read by Neo."""
