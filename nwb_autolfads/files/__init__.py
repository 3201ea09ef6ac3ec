"""Files of this machine, for every room: what a path leads to, and how a file takes its place as a whole."""
