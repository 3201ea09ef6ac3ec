"""Files of this machine: what a path leads to, and how a file takes its place as a whole."""
