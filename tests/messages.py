"""An error's message compared as a whole: a word in it may stand in the file's name too."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

FOLDERS = re.compile(r"(?<![\w:/.])/(?:[^/\s:,']+/)*")


@contextmanager
def assert_refused(error: type[Exception], problem: str, way_out: str) -> Iterator[None]:
    """Expect an error of this type that says, word for word, this problem (with file and object) and this way out.

    The folders of a test may be left out of the names of files.
    """
    with pytest.raises(error) as caught:
        yield
    said, expected = str(caught.value), f"{problem}. {way_out}"
    assert expected in (said, FOLDERS.sub("", said)), said
