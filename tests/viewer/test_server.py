"""The page is served to this machine, to who has the token, and nothing but what is drawn of one file."""

import json
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from messages import assert_refused
from viewer_examples import HOSTILE, MUSCLES, estimated_session

from nwb_autolfads.errors import ConfigError, OutputError, SourceError
from nwb_autolfads.viewer.extra import require_viewer
from nwb_autolfads.viewer.opening import Opening
from nwb_autolfads.viewer.page import make_app
from nwb_autolfads.viewer.server import MOST_TILES, listen, new_token
from nwb_autolfads.viewer.session import opened_session

pytest.importorskip("dash", reason="the extra `viewer` is not installed")
TOKEN = "the-token-of-this-run"
HERE = "127.0.0.1:8765"


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    with opened_session(estimated_session(tmp_path_factory.mktemp("viewer"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def ask(session):
    """Ask the server that listens on port 8765 for an address, by these headers."""
    client = make_app(lambda: session, TOKEN).server.test_client()
    return lambda path, **headers: client.get(path, base_url="http://127.0.0.1:8765", headers={"Host": HERE, **headers})


@pytest.mark.parametrize("path", ["/", "/session.json", "/wrong/", "/wrong/session.json", f"/{TOKEN}x/", "//", "/é/"])
def test_without_the_token_nothing_is_served(ask, path):
    answer = ask(path)
    assert answer.status_code == 403
    assert MUSCLES[0].encode() not in answer.data


@pytest.mark.parametrize(
    "host", ["example.org", "example.org:8765", "127.0.0.1.example.org:8765", "127.0.0.1:81", "[::1]:8765"]
)
def test_a_strangers_name_for_this_machine_is_refused(ask, host):
    assert ask(f"/{TOKEN}/session.json", Host=host).status_code == 403


@pytest.mark.parametrize("origin", ["http://example.org", "null", "https://127.0.0.1:8765", "http://127.0.0.1:81"])
def test_a_page_from_elsewhere_is_refused(ask, origin):
    assert ask(f"/{TOKEN}/session.json", Origin=origin).status_code == 403


@pytest.mark.parametrize("more", [{}, {"Origin": "http://127.0.0.1:8765"}, {"Host": "localhost:8765"}])
def test_our_own_page_is_served(ask, more):
    assert ask(f"/{TOKEN}/", **more).status_code == 200
    assert ask(f"/{TOKEN}/session.json", **more).get_json()["span"] == [0.0, 30.0]


@pytest.mark.parametrize(
    "path",
    [
        "result.nwb",
        "..%2fsession.nwb",
        "../session.nwb",
        "assets/..%2f..%2fpage.py",
        "assets/../page.py",
        "tiles/99.0.0",
    ],
)
def test_no_other_file_is_served(ask, path):
    answer = ask(f"/{TOKEN}/{path}")
    assert answer.status_code == 404 or b"react-entry-point" in answer.data  # Dash answers any page with its own
    assert b"HDF" not in answer.data
    assert b"import" not in answer.data


@pytest.mark.parametrize(
    "path",
    [
        "tiles/0.0.999999",
        "tiles/0.99.0",
        "tiles/0.0.-1",
        "tiles/x.0.0",
        f"tiles/0.{10**30}.0",
        "tiles/" + "0.0.0," * 99,
    ],
)
def test_a_tile_that_is_not_there_is_not_found(ask, path):
    assert b"\x00" not in ask(f"/{TOKEN}/{path}").data


def test_a_tile_is_what_the_file_holds(ask, session):
    described = ask(f"/{TOKEN}/session.json").get_json()
    number = list(described["signals"]).index("movement/processing/behavior/angles/joint_angles")
    answer = ask(f"/{TOKEN}/tiles/{number}.0.0,{number}.0.1").data
    half = len(answer) // 2
    for tile, of_tile in enumerate((answer[:half], answer[half:])):
        complete, channels, columns, blocks = struct.unpack("<4i", of_tile[:16])
        assert (complete, channels, columns, blocks) == (1, 2, 2, 1024)
        time = (1024 * tile + np.arange(1024)) / 100
        for channel in np.frombuffer(of_tile[16:], "<f4").reshape(channels, columns, blocks):
            np.testing.assert_allclose(channel, [np.sin(time), np.cos(time)], atol=1e-6)


def test_the_page_may_run_its_own_scripts_only_and_leads_nowhere_else(ask):
    answer = ask(f"/{TOKEN}/")
    policy = answer.headers["Content-Security-Policy"]
    scripts = next(part for part in policy.split(";") if "script-src" in part)
    assert "default-src 'none'" in policy
    assert "unsafe" not in scripts
    assert "http" not in policy
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert 'src="http' not in answer.text
    assert 'href="http' not in answer.text


def test_names_in_the_page_are_data_and_never_markup(ask):
    assert HOSTILE not in ask(f"/{TOKEN}/").text
    layout = json.dumps(ask(f"/{TOKEN}/_dash-layout").get_json())
    assert json.dumps(HOSTILE)[1:-1] in layout


def test_only_this_machine_can_reach_it(session):
    server = listen(make_app(lambda: session, TOKEN).server, 0)
    try:
        assert server.socket.getsockname()[0] == "127.0.0.1"
        with assert_refused(
            OutputError,
            f"--port {server.port}: the port cannot be had (Address already in use)",
            "Choose another one with --port, or none: a free one is found",
        ):
            listen(make_app(lambda: session, TOKEN).server, server.port)
    finally:
        server.server_close()


def test_tokens_are_long_and_never_the_same():
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) >= 43 for token in tokens)  # 256 bits


def test_without_the_extra_one_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "dash", None)
    with assert_refused(
        ConfigError,
        "view: the viewer needs packages that are not installed (dash)",
        'Install them: pip install "nwb-autolfads[viewer]"',
    ):
        require_viewer()


def test_what_cannot_be_read_is_said_where_it_is_drawn(session):
    def broken(start, stop):
        raise OSError("wrong checksum")

    whole = session.signals["emg"].signal
    session.add("emg", replace(whole, read=broken))
    try:
        asking = make_app(lambda: session, TOKEN).server.test_client()
        number = list(session.signals).index("emg")
        answer = asking.get(f"/{TOKEN}/tiles/{number}.0.0", base_url=f"http://{HERE}")
        assert (answer.status_code, answer.mimetype) == (422, "text/plain")
        assert answer.text == (
            "result.nwb, emg: samples 0 to 1024 cannot be read: the file is damaged or the connection was lost "
            "(OSError: wrong checksum). Try again; if it stays, copy or download the file again"
        )
    finally:
        session.add("emg", whole)


@pytest.mark.parametrize(("count", "status"), [(MOST_TILES, 200), (MOST_TILES + 1, 404)])
def test_not_more_than_some_tiles_are_in_one_answer(ask, count, status):
    assert ask(f"/{TOKEN}/tiles/{','.join(['0.0.0'] * count)}").status_code == status


def test_the_page_waits_for_the_session_and_says_why_there_is_none(session):
    opening = Opening()
    client = make_app(opening, TOKEN).server.test_client()
    asked = lambda path: client.get(f"/{TOKEN}/{path}", base_url=f"http://{HERE}")  # noqa: E731
    assert asked("").status_code == 200  # at once: the browser loads its scripts meanwhile
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(asked, "_dash-layout")
        with pytest.raises(TimeoutError):
            answer.result(timeout=0.3)
        opening.succeed(session)
        assert json.dumps(MUSCLES[0]) in json.dumps(answer.result(timeout=10).get_json())


def test_who_waits_for_a_session_that_cannot_be_opened_is_told_why():
    opening = Opening()
    client = make_app(opening, TOKEN).server.test_client()
    client.get(f"/{TOKEN}/", base_url=f"http://{HERE}")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.get, f"/{TOKEN}/_dash-layout", base_url=f"http://{HERE}")
        opening.fail(SourceError("nothing in it can be drawn", file="a.nwb", way_out="See what is in it"))
        shown = answer.result(timeout=10).get_json()["props"]["children"]["props"]
    assert shown == {"children": "a.nwb: nothing in it can be drawn. See what is in it", "role": "alert"}
