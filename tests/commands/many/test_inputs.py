"""Which recordings are meant: lists, patterns, dandisets, each recording once."""

import sys
import types
from pathlib import Path

import pytest
from messages import assert_refused

from nwb_autolfads.commands.many.inputs import means_several, recordings, stem_of
from nwb_autolfads.errors import MissingFileError, SourceError


def test_a_list_holds_one_path_per_line_from_its_own_folder(tmp_path):
    (tmp_path / "paths.txt").write_text("\ufeff# comment\r\n\r\na.nwb\r\n /data/b.nwb \ns3://bucket/c.nwb\n")
    assert recordings([f"@{tmp_path / 'paths.txt'}"]) == [str(tmp_path / "a.nwb"), "/data/b.nwb", "s3://bucket/c.nwb"]


def test_a_recording_that_is_named_twice_is_meant_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "paths.txt").write_text("a.nwb\n")
    assert recordings(["a.nwb", str(tmp_path / "a.nwb"), "@paths.txt", "b.nwb"]) == ["a.nwb", "b.nwb"]


def test_a_pattern_that_the_shell_left_is_one(tmp_path):
    for name in ("b.nwb", "a.nwb", "c.txt", "[x].nwb"):
        (tmp_path / name).touch()
    assert [Path(each).name for each in recordings([str(tmp_path / "?.nwb")])] == ["a.nwb", "b.nwb"]
    assert recordings([str(tmp_path / "[x].nwb")]) == [str(tmp_path / "[x].nwb")]  # a name, as there is such a file
    with assert_refused(SourceError, f"{tmp_path}/*.edf: names no recording", "Give NWB files"):
        recordings([f"{tmp_path}/*.edf"])


@pytest.mark.parametrize(
    ("content", "problem", "way_out"),
    [
        (b"\xff\xfe", "is no text in UTF-8", "Give a text file with one path per line"),
        (b"@more.txt", "names another list, '@more.txt'", "Give both lists"),
        (bytes(5_000_000), "is larger than 4194304 bytes", "Give a text file with one path per line"),
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path, content, problem, way_out):
    (tmp_path / "paths.txt").write_bytes(content)
    with assert_refused(SourceError, f"{tmp_path / 'paths.txt'}: {problem}", way_out):
        recordings([f"@{tmp_path / 'paths.txt'}"])


def test_a_list_that_is_not_there_is_a_missing_file(tmp_path):
    with pytest.raises(MissingFileError):
        recordings([f"@{tmp_path / 'paths.txt'}"])


class FakeClient:
    """As much of the DANDI client as is asked, with one dandiset."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def get_dandiset(self, number, version=None):
        if number != "000941":
            raise LookupError(f"No such Dandiset: {number!r}")
        self.version_id = version or "0.250101.0000"
        return self

    def get_assets(self):
        return [types.SimpleNamespace(path=path) for path in ("sub-L/b.nwb", "sub-L/a.nwb", "README.md", "c.nwb.zarr")]


@pytest.fixture
def archive(monkeypatch):
    module = types.ModuleType("dandi.dandiapi")
    module.DandiAPIClient = FakeClient
    monkeypatch.setitem(sys.modules, "dandi", types.ModuleType("dandi"))
    monkeypatch.setitem(sys.modules, "dandi.dandiapi", module)


@pytest.mark.parametrize(
    ("given", "version"),
    [
        ("DANDI:000941", "0.250101.0000"),
        ("dandi://000941", "0.250101.0000"),
        ("DANDI:000941/0.240101.1234", "0.240101.1234"),
        ("dandi://000941@draft", "draft"),
        ("https://dandiarchive.org/dandiset/000941", "0.250101.0000"),
        ("https://gui.dandiarchive.org/#/dandiset/000941/draft", "draft"),
    ],
)
def test_a_dandiset_means_all_its_nwb_files_in_the_version_that_the_archive_gave(archive, given, version):
    assert means_several([given])
    assert recordings([given]) == [
        f"dandi://000941@{version}/{name}" for name in ("c.nwb.zarr", "sub-L/a.nwb", "sub-L/b.nwb")
    ]


def test_a_file_of_a_dandiset_is_one_recording():
    assert not means_several(["dandi://000941/sub-L/a.nwb"])
    assert stem_of("dandi://000941@draft/sub-L/a%20b.nwb") == "a b"


def test_a_dandiset_that_the_archive_does_not_have_is_refused(archive):
    with assert_refused(
        SourceError,
        "DANDI:000001: the archive does not give it (LookupError: No such Dandiset: '000001')",
        "Give DANDI:DANDISET, such as DANDI:000941, or DANDI:DANDISET/VERSION",
    ):
        recordings(["DANDI:000001"])
