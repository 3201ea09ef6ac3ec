"""Commands that look at a file and change nothing in it, unless asked to."""
