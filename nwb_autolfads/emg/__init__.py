"""Raw EMG in, rectified and scaled EMG at the analysis rate out."""
