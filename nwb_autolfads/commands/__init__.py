"""What the program does, one use-case per file; the command line and scripts call it."""
