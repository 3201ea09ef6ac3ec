"""A new version of a file that exists: made beside it, checked, and put in its place."""
