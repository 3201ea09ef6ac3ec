"""Cases that fail today; the list only shrinks, because one that passes fails the test until it is taken out."""

KNOWN_TO_FAIL: set[str] = set()
