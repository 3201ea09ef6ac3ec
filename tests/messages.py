"""An error's message compared as a whole: a word in it may stand in the file's name too."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def refused(error: type[Exception], problem: str, way_out: str) -> Iterator[None]:
    """Expect an error of this type that says, word for word, this problem (with file and object) and this way out."""
    with pytest.raises(error) as caught:
        yield
    assert str(caught.value) == f"{problem}. {way_out}"
