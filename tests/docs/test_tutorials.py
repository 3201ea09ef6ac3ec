"""The tutorials run from top to bottom; that on the archive with the real client, on an archive of this machine."""

import importlib.util
import json
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
NEEDS = {"archive": ("dandi", "remfile", "hdmf_zarr"), "own_pipeline": ("pynapple",)}

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
    read = names["nal"].read_activation
    for file, address, objects in (("target", "address", "/blobs/"), ("second", "in_zarr", "/zarr/")):
        written = read(names[file])
        assert written["muscle"].values.tolist() == names["names"]
        assert json.loads(written.attrs["origin"])["file"] == names[address]
        assert any(path.startswith(objects) for path in archive.asked)
    assert names["remarks"] == []


def test_cortex_and_muscles():
    assert {"LowPass", "AutoLFADS"} <= set(run("cortex_and_muscles")["beside_cortex"]["estimator"].values)


def test_your_own_pipeline():
    assert run("own_pipeline")["search"].best_score_ > 0.5
