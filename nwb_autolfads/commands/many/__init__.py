"""Many recordings, each by itself: which they are, one of them, several at a time, and what became of all."""
