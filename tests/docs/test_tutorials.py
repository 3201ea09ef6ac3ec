"""The tutorials run from top to bottom; that on the archive with the real client, on an archive of this machine."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
NEEDS = {"archive": ("dandi", "remfile"), "own_pipeline": ("pynapple",)}

pytestmark = pytest.mark.slow


@pytest.fixture
def archive(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("loopback_archive", DOCS / "loopback_archive.py")
    loopback = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loopback)
    loopback.write_dandiset(tmp_path)
    monkeypatch.setenv("DANDI_NO_ET", "1")
    with loopback.serve(tmp_path) as archive:
        monkeypatch.setenv("DANDI_INSTANCE", archive.address)
        yield archive


def run(name):
    for needed in NEEDS.get(name, ()):
        pytest.importorskip(needed, reason=f"{needed} is in the extra 'docs'")
    names = {}
    exec(compile((DOCS / "tutorials" / f"{name}.py").read_text(encoding="utf-8"), f"{name}.py", "exec"), names)
    return names


def test_a_first_file():
    names = run("first_file")
    assert set(names["nal"].read_activation(names["result"], "AutoLFADS").dims) >= {"time", "muscle"}


def test_from_the_archive_and_ready_to_go_back(archive):
    names = run("archive")
    written = names["nal"].read_activation(names["target"])
    assert written["muscle"].values.tolist() == names["names"]
    assert any(path.startswith("/blobs/") for path in archive.asked)
    assert names["new"] == []


def test_cortex_and_muscles():
    assert {"LowPass", "AutoLFADS"} <= set(run("cortex_and_muscles")["beside_cortex"]["estimator"].values)


def test_your_own_pipeline():
    assert run("own_pipeline")["search"].best_score_ > 0.5
