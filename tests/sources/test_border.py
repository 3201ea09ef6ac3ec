"""The border to other people's readers: quiet in the main thread, and never at the cost of another one."""

import threading
import warnings

import pytest

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.border import border


def test_what_a_reader_prints_is_kept_off_and_what_it_warns_of_is_noted(capsys):
    with border("walk.nwb") as notes:
        print("chatter")
        warnings.warn("a column is missing", UserWarning, stacklevel=1)
    assert capsys.readouterr().out == ""
    assert notes == ["the reader of the file warns: a column is missing"]


def test_a_thread_that_reads_takes_nothing_from_what_others_print(capsys):
    reading, printed = threading.Event(), threading.Event()

    def read():
        with border("walk.nwb"):
            reading.set()
            printed.wait(10)

    thread = threading.Thread(target=read)
    thread.start()
    reading.wait(10)
    print("said by the main thread")
    printed.set()
    thread.join()
    assert capsys.readouterr().out == "said by the main thread\n"


def test_an_error_in_a_thread_is_one_of_this_package_too():
    caught = []

    def read():
        with pytest.raises(SourceError) as error, border("walk.nwb"):
            raise OSError("no more bytes")
        caught.append(str(error.value))

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert caught[0].startswith("walk.nwb: cannot be read (OSError: no more bytes)")
