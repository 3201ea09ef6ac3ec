"""Ways to open an NWB file for reading: on this machine, at an address, in an archive, as Zarr."""
