"""`view` on the command line: what is wrong is one message, mostly before anything is served."""

import gc
import re
import socket
import sys

import pytest
from builders import file_with_2d_series, new_nwbfile, save

from nwb_autolfads.cli import main

pytest.importorskip("dash", reason="the extra `viewer` is not installed")


@pytest.fixture
def refused(capsys):
    """Call `view`, require this exit code and nothing on stdout; return the message."""

    def refused(*arguments, code=1):
        with pytest.raises(SystemExit) as ended:
            main(["view", *map(str, arguments), "--no-browser"])
        said = capsys.readouterr()
        assert (ended.value.code, said.out) == (code, "")
        return said.err

    return refused


def test_without_the_extra_it_says_how_to_get_it(refused, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "dash", None)
    said = refused(file_with_2d_series(tmp_path / "walk.nwb"))
    assert said == (
        "nwb-autolfads: view: the viewer needs packages that are not installed (dash). "
        'Install them: pip install "nwb-autolfads[viewer]"\n'
    )


def test_a_missing_file_and_one_without_emg_are_refused(refused, tmp_path):
    none = tmp_path / "none.nwb"
    assert refused(none) == f"nwb-autolfads: {none}: there is no such file. Check the path\n"
    (tmp_path / "text.nwb").write_text("no HDF5")
    assert "is not an NWB file" in refused(tmp_path / "text.nwb")


def test_a_file_with_nothing_to_draw_is_refused_after_its_page_was_served(tmp_path, capsys):
    file = save(new_nwbfile(), tmp_path / "plain.nwb")
    with pytest.raises(SystemExit) as ended:
        main(["view", str(file), "--no-browser"])
    said = capsys.readouterr()
    assert ended.value.code == 1
    assert "nothing in it can be drawn" in said.err
    address = re.search(r"http://127\.0\.0\.1:(\d+)/", said.out)
    with pytest.raises(ConnectionRefusedError):  # and it is served no more
        socket.create_connection(("127.0.0.1", int(address[1])))
    assert gc.isenabled()


@pytest.mark.parametrize("port", ["-1", "65536", "eighty"])
def test_a_port_that_is_none_is_wrong_usage(refused, tmp_path, port):
    assert "--port" in refused(tmp_path / "any.nwb", "--port", port, code=2)


def test_a_port_that_is_taken_is_said(refused, tmp_path):
    file = file_with_2d_series(tmp_path / "walk.nwb")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert refused(file, "--port", port).startswith(f"nwb-autolfads: --port {port}: the port cannot be had")
