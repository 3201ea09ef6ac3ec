"""What an estimate is written with: its recording, electrodes, units, model, and the scores that refer to it."""

import gzip
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pynwb
import pytest
import xarray as xr
from builders import raw_emg
from messages import assert_refused
from nwb_examples import make_emg, make_estimate, write_session
from nwbinspector import inspect_nwbfile
from pynwb import NWBHDF5IO, TimeSeries
from pynwb.behavior import BehavioralTimeSeries

from nwb_autolfads.errors import OutputError
from nwb_autolfads.results.comparison import read_comparison, write_comparison
from nwb_autolfads.results.read import read_activation, read_weights
from nwb_autolfads.results.write import write_activation

PLACE = "processing/behavior/AutoLFADS"
MUSCLES = ["TA", "SOL", "VL"]
OLD_RESULT = Path(__file__).parents[1] / "back_compat" / "0.1.0" / "result.nwb.gz"


@pytest.fixture(scope="module")
def session_once(tmp_path_factory):
    return write_session(tmp_path_factory.mktemp("session") / "session.nwb")


@pytest.fixture
def session(session_once, tmp_path):
    return Path(shutil.copy(session_once, tmp_path))


def object_ids(path, *places):
    with h5py.File(path) as file:
        return [str(file[place].attrs["object_id"]) for place in places]


def made_from(path, *places, **coords):
    """Return an estimate made from the series at these places, with more known of each muscle."""
    emg = make_emg().assign_coords({name: ("muscle", values) for name, values in coords.items()})
    origin = json.loads(emg.attrs["origin"]) | {"object_id": ",".join(object_ids(path, *places))}
    return make_estimate(emg.assign_attrs(origin=json.dumps(origin)))


def add_series(path, *, container):
    """Add one series per muscle, in a container of their own or side by side."""
    with NWBHDF5IO(path, "a") as io:
        nwbfile = io.read()
        series = [
            TimeSeries(name=f"EMG_{name}", data=raw_emg(100, 1)[:, 0], unit="volts", rate=1000.0) for name in MUSCLES
        ]
        if container:
            nwbfile.add_acquisition(BehavioralTimeSeries(name="emg", time_series=series))
        else:
            for each in series:
                nwbfile.add_acquisition(each)
        io.write(nwbfile)
    return [f"acquisition/{'emg/' if container else ''}EMG_{name}" for name in MUSCLES]


def linked_object(path):
    with NWBHDF5IO(path, "r") as io:
        found = io.read().processing["behavior"]["AutoLFADS"].source_object
        return None if found is None else found.name


def test_an_estimate_leads_to_the_series_it_was_made_from(session):
    path = write_activation(made_from(session, "acquisition/EMG"), session)
    with NWBHDF5IO(path, "r") as io:
        nwbfile = io.read()
        assert nwbfile.processing["behavior"]["AutoLFADS"].source_object is nwbfile.acquisition["EMG"]
    with h5py.File(path) as file:
        assert file[PLACE].get("source_object", getlink=True).path == "/acquisition/EMG"


def test_an_estimate_of_one_series_per_muscle_leads_to_their_container(session):
    places = add_series(session, container=True)
    assert linked_object(write_activation(made_from(session, *places), session)) == "emg"


def test_an_estimate_of_a_part_of_a_container_does_not_claim_all_of_it(session):
    places = add_series(session, container=True)
    assert linked_object(write_activation(made_from(session, *places[:2]), session)) is None


def test_muscles_lead_to_their_series_where_these_stand_side_by_side(session):
    places = add_series(session, container=False)
    estimate = made_from(session, *places, source_series=object_ids(session, *places))
    path = write_activation(estimate, session)
    assert linked_object(path) is None
    xr.testing.assert_identical(read_activation(path), estimate)
    with NWBHDF5IO(path, "r") as io:
        muscles = io.read().processing["behavior"]["muscles"]
        assert [each.name for each in muscles["source_series"][:]] == ["EMG_TA", "EMG_SOL", "EMG_VL"]


def test_a_file_that_only_names_its_recording_has_no_link_no_series_and_no_electrodes(session, tmp_path):
    estimate = made_from(session, "acquisition/EMG", electrodes=["0", "1", "2"])
    path = write_activation(estimate, session, tmp_path / "small.nwb", link=True)
    assert linked_object(path) is None
    without = estimate.drop_vars("electrodes")
    xr.testing.assert_equal(read_activation(path), without)
    assert "electrodes" not in read_activation(path).coords
    assert pynwb.validate(path=str(path)) == []


def test_a_link_that_leads_nowhere_or_elsewhere_keeps_nobody_from_reading_the_estimate(session, tmp_path):
    estimate = made_from(session, "acquisition/EMG")
    path = write_activation(estimate, session)
    with h5py.File(path, "r+") as file:
        del file[f"{PLACE}/source_object"]
        file[f"{PLACE}/source_object"] = h5py.SoftLink("/acquisition/absent")
    xr.testing.assert_identical(read_activation(path), estimate)


def test_a_recording_that_lies_in_another_file_is_not_linked(session, tmp_path):
    beside = tmp_path / "links.nwb"
    shutil.copy(session, beside)
    with h5py.File(beside, "r+") as file:
        del file["acquisition/linked"], file["acquisition/EMG"], file["intervals"]
        file["acquisition/EMG"] = h5py.ExternalLink("session.nwb", "/acquisition/EMG")
    path = write_activation(made_from(session, "acquisition/EMG"), beside)
    with h5py.File(path) as file:
        assert "source_object" not in file[PLACE]


def test_a_muscle_keeps_all_of_its_electrodes(session):
    estimate = made_from(session, "acquisition/EMG", electrodes=["0 1", "2", "3 0"])
    path = write_activation(estimate, session)
    xr.testing.assert_identical(read_activation(path), estimate)
    with NWBHDF5IO(path, "r") as io:
        nwbfile = io.read()
        muscles = nwbfile.processing["behavior"]["muscles"]
        assert [each.index.tolist() for each in muscles["electrodes"][:]] == [[0, 1], [2], [3, 0]]
        assert muscles["electrodes"].target.table is nwbfile.electrodes


def test_electrodes_that_the_file_does_not_have_are_left_out(session):
    path = write_activation(made_from(session, "acquisition/EMG", electrodes=["0", "1", "4"]), session)
    assert "electrodes" not in read_activation(path).coords


def test_estimates_share_a_muscles_table_only_where_the_electrodes_are_the_same(session):
    first = made_from(session, "acquisition/EMG", electrodes=["0 1", "2", "3"])
    path = write_activation(first, session)
    for name, electrodes in (("same", ["0 1", "2", "3"]), ("other", ["0", "1 2", "3"])):
        write_activation(made_from(session, "acquisition/EMG", electrodes=electrodes), path, in_place=True, name=name)
    with h5py.File(path) as file:
        module = file["processing/behavior"]
        tables = {name: file[module[f"{name}/activation/muscles"].attrs["table"]].name for name in ("same", "other")}
    assert {name: place.rpartition("/")[2] for name, place in tables.items()} == {
        "same": "muscles",
        "other": "muscles_2",
    }


def test_what_is_known_of_a_muscle_is_in_the_table(session):
    known = {
        "full_name": ["tibialis anterior", "soleus", ""],
        "side": ["left", "left", "right"],
        "placement": ["a"] * 3,
    }
    estimate = made_from(session, "acquisition/EMG", **known)
    path = write_activation(estimate, session)
    xr.testing.assert_identical(read_activation(path), estimate)
    with NWBHDF5IO(path, "r") as io:
        muscles = io.read().processing["behavior"]["muscles"]
        for name, values in known.items():
            assert muscles[name][:].tolist() == values, name


def test_values_are_given_in_the_unit_of_the_recording_without_the_table(session):
    estimate = made_from(session, "acquisition/EMG")
    with NWBHDF5IO(write_activation(estimate, session), "r") as io:
        written = io.read().processing["behavior"]["AutoLFADS"]
        for name in ("activation", "activation_std"):
            in_volts = written[name].get_data_in_units()
            np.testing.assert_allclose(in_volts, estimate[name] * estimate["scale"], rtol=1e-6)
            assert written[name].channel_conversion_unit == "volts"
        assert written.concentration.channel_conversion is None


def test_what_was_estimated_of_each_muscle_besides_is_kept_under_its_name(session):
    estimate = made_from(session, "acquisition/EMG")
    force = (estimate["activation"] * 2).assign_attrs(units="newtons", description="Force of each muscle.")
    path = write_activation(estimate.assign(force=force), session)
    xr.testing.assert_equal(read_activation(path), estimate.assign(force=force))
    with NWBHDF5IO(path, "r") as io:
        written = io.read().processing["behavior"]["AutoLFADS"]["force"]
        assert (written.unit, written.description) == ("newtons", "Force of each muscle.")
        assert written.muscle_names == MUSCLES


MODEL = {
    "model_id": "0b5c",
    "sha256": "ab" * 32,
    "software_version": "0.1.0",
    "configuration": {"factors": 5},
    "sessions": [
        {"session": "monday", "muscles": ["TA", "SOL"], "sampling_rate": 500.0, "source_identifier": "m"},
        {"session": "tuesday", "muscles": ["TA"], "sampling_rate": 500.0, "source_identifier": "t"},
    ],
}


def test_an_estimate_names_the_model_and_all_of_its_sessions(session):
    estimate = made_from(session, "acquisition/EMG").assign_attrs(model=json.dumps(MODEL, sort_keys=True))
    path = write_activation(estimate, session)
    assert json.loads(read_activation(path).attrs["model"]) == MODEL
    with NWBHDF5IO(path, "r") as io:
        model = io.read().processing["behavior"]["AutoLFADS"].model
        assert (model.model_id, model.format, model.weights) == ("0b5c", "safetensors", None)
        assert model.sessions["session"][:].tolist() == ["monday", "tuesday"]


def test_weights_that_are_kept_say_what_the_model_was_trained_on(session):
    card = {
        "muscles": MUSCLES,
        "rate": 500.0,
        "config": {"factors": 5},
        "trained_on": json.dumps({"file": "s.nwb", "file_identifier": "a-session"}),
    }
    metadata = {"format": "nwb-autolfads model 1", "version": "0.1.0", "card": json.dumps(card)}
    header = json.dumps({"__metadata__": metadata}).encode()
    weights = len(header).to_bytes(8, "little") + header
    path = write_activation(made_from(session, "acquisition/EMG"), session, weights=weights)
    assert read_weights(path) == weights
    with NWBHDF5IO(path, "r") as io:
        model = io.read().processing["behavior"]["AutoLFADS"].model
        assert json.loads(model.configuration) == {"factors": 5}
        (row,) = model.sessions.to_dataframe().to_dict("records")
        assert list(row.pop("muscles")) == MUSCLES
        assert row == {
            "session": "s.nwb",
            "sampling_rate": 500.0,
            "source_file": "s.nwb",
            "source_identifier": "a-session",
        }


def test_the_sessions_of_a_model_of_several_are_in_its_table(session):
    cards = [
        {"name": "monday", "muscles": ["TA", "SOL"], "rate": 500.0, "preprocessing": "[]", "trained_on": ""},
        {"name": "tuesday", "muscles": ["TA"], "rate": 500.0, "preprocessing": "[]", "trained_on": ""},
    ]
    card = {"sessions": cards, "config": {"factors": 5}}
    header = json.dumps({"__metadata__": {"card": json.dumps(card), "version": "0.2.0"}}).encode()
    weights = len(header).to_bytes(8, "little") + header
    config = {"model_id": "0b5c", "sessions": ["monday", "tuesday"]}
    estimate = make_estimate(make_emg(), config=config)
    for kept in (None, weights):
        path = write_activation(estimate, session, overwrite=True, weights=kept)
        xr.testing.assert_identical(read_activation(path), estimate)
        with NWBHDF5IO(path, "r") as io:
            model = io.read().processing["behavior"]["AutoLFADS"].model
            assert model.model_id == "0b5c"
            assert model.sessions["session"][:].tolist() == ["monday", "tuesday"]
            if kept:
                assert [list(each) for each in model.sessions["muscles"][:]] == [["TA", "SOL"], ["TA"]]


def test_an_estimate_of_a_model_from_elsewhere_says_which_it_was(session):
    asked = {"command": "apply", "trained": {"sha256": "cd" * 32, "on": {"file": "other.nwb"}}}
    estimate = made_from(session, "acquisition/EMG").assign_attrs(options=json.dumps(asked))
    with NWBHDF5IO(write_activation(estimate, session), "r") as io:
        model = io.read().processing["behavior"]["AutoLFADS"].model
        assert (model.sha256, model.sessions["source_file"][0]) == ("cd" * 32, "other.nwb")


def scores(*estimators):
    values = np.linspace(0.1, 0.9, 3 * len(estimators)).reshape(-1, 3)
    return xr.Dataset(
        {"r2": (("estimator", "muscle"), values)}, coords={"estimator": list(estimators), "muscle": MUSCLES}
    )


@pytest.fixture(scope="module")
def scored_once(session_once):
    estimate = made_from(session_once, "acquisition/EMG")
    path = write_activation(estimate, session_once, session_once.with_name("scored.nwb"))
    write_activation(estimate, path, in_place=True, name="Other")
    return write_comparison(scores("AutoLFADS", "Other"), path)


@pytest.fixture
def scored(scored_once, tmp_path):
    return Path(shutil.copy(scored_once, tmp_path))


def test_each_score_leads_to_the_estimate_that_it_is_of(scored):
    with NWBHDF5IO(scored, "r") as io:
        module = io.read().processing["behavior"]
        rows = module["comparison"].to_dataframe()
        assert all(row.estimate is module[row.estimator] for row in rows.itertuples())
    assert pynwb.validate(path=str(scored)) == []


def test_scores_of_what_is_not_in_the_file_lead_nowhere(scored):
    write_comparison(scores("AutoLFADS", "absent"), scored, name="half")
    with NWBHDF5IO(scored, "r") as io:
        assert "estimate" not in io.read().processing["behavior"]["half"].colnames


def test_scores_do_not_lead_to_an_estimate_that_took_the_place_of_theirs(scored):
    write_comparison(scores("Other"), scored, name="others")
    write_activation(made_from(scored, "acquisition/EMG"), scored, in_place=True, overwrite=True)
    assert pynwb.validate(path=str(scored)) == []
    xr.testing.assert_equal(read_comparison(scored, "comparison"), scores("AutoLFADS", "Other"))
    with NWBHDF5IO(scored, "r") as io:
        module = io.read().processing["behavior"]
        assert "estimate" not in module["comparison"].colnames
        assert module["others"]["estimate"][0] is module["Other"]


def test_validator_and_inspector_have_nothing_against_all_of_it(session, validating):
    def messages(path):
        return {(m.check_function_name, m.location, m.message) for m in inspect_nwbfile(nwbfile_path=path)}

    before = messages(session)
    known = {"full_name": ["a", "b", "c"], "side": ["left"] * 3, "electrodes": ["0 1", "2", "3"]}
    estimate = made_from(session, "acquisition/EMG", **known).assign_attrs(model=json.dumps(MODEL))
    path = write_activation(estimate, session, weights=b"weights")
    write_comparison(scores("AutoLFADS"), path)
    assert messages(path) - before == set()


@pytest.fixture
def of_version_0_1(tmp_path):
    path = tmp_path / "old.nwb"
    path.write_bytes(gzip.decompress(OLD_RESULT.read_bytes()))
    return path


def test_an_estimate_can_be_added_to_a_result_of_version_0_1(of_version_0_1):
    (name, *_) = [each for each in pynwb_names(of_version_0_1) if each != "muscles"]
    before = read_activation(of_version_0_1, name)
    write_activation(before, of_version_0_1, in_place=True, name="again")
    xr.testing.assert_identical(read_activation(of_version_0_1, name), before)
    xr.testing.assert_identical(read_activation(of_version_0_1, "again"), before)
    assert pynwb.validate(path=str(of_version_0_1)) == []


def pynwb_names(path):
    with h5py.File(path) as file:
        module = file["processing/behavior"]
        return [name for name in module if module[name].attrs["neurodata_type"] == "ActivationEstimate"]


def test_weights_of_a_file_of_version_0_1_are_read(session):
    path = write_activation(made_from(session, "acquisition/EMG"), session, weights=b"weights")
    with h5py.File(path, "r+") as file:  # as 0.1 wrote it
        file.move(f"{PLACE}/model/weights", f"{PLACE}/weights")
        del file[f"{PLACE}/model"]
    assert read_weights(path) == b"weights"


def test_a_variable_of_other_dimensions_has_no_place(session):
    estimate = made_from(session, "acquisition/EMG")
    with assert_refused(
        OutputError,
        "estimate: variable 'force' has dimensions ('muscle', 'time'), for which there is no place in the file",
        "It must have ('muscle',).",
    ):
        write_activation(estimate.assign(force=estimate["activation"].transpose()), session)


def test_a_result_is_copied_with_its_link(session, tmp_path):
    path = write_activation(made_from(session, "acquisition/EMG"), session)
    copied = shutil.copy(path, tmp_path / "copied.nwb")
    write_activation(made_from(copied, "acquisition/EMG"), copied, in_place=True, overwrite=True)
    assert linked_object(copied) == "EMG"


def test_a_result_can_be_made_of_a_file_of_ndx_events_0_4(tmp_path):
    source = tmp_path / "events.nwb"
    kept = Path(__file__).parents[1] / "sources" / "ndx_events" / "0.4.0.nwb.gz"
    source.write_bytes(gzip.decompress(kept.read_bytes()))
    estimate = make_estimate(make_emg(identifier="events"))
    xr.testing.assert_identical(read_activation(write_activation(estimate, source)), estimate)
    small = write_activation(estimate, source, tmp_path / "small.nwb", link=True)
    xr.testing.assert_equal(read_activation(small), estimate)
