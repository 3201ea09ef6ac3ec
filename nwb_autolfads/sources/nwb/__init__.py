"""What an NWB file holds: EMG, behaviour, events, phases."""
