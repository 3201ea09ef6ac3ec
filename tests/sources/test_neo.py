"""Recordings of acquisition systems are read by Neo: channels, units, segments, streams, or refused."""

from __future__ import annotations

import logging
import warnings

import neo
import numpy as np
import pytest
import quantities as pq
from builders import file_with_2d_series, raw_emg
from messages import assert_refused

from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.emg.preprocess import preprocess
from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources import open_emg
from nwb_autolfads.sources.contents import list_contents
from nwb_autolfads.sources.neo import streams
from nwb_autolfads.sources.segments import lay_out


def message_of(source, **options) -> str:
    with pytest.raises(SourceError) as caught:
        open_emg(source, **options)
    return str(caught.value)


def signal_of(data, *, unit="mV", rate=1000.0, start=0.0, names=None, name="EMG") -> neo.AnalogSignal:
    names = names or [f"EMG {column}" for column in range(data.shape[1])]
    return neo.AnalogSignal(
        data,
        units=unit,
        sampling_rate=rate * pq.Hz,
        t_start=start * pq.s,
        name=name,
        array_annotations={"channel_names": np.array(names)},
    )


def block_of(*segments: list[neo.AnalogSignal]) -> neo.Block:
    block = neo.Block()
    for signals in segments:
        segment = neo.Segment()
        segment.analogsignals.extend(signals)
        block.segments.append(segment)
    return block


def write_edf(path, data, names, *, unit="uV", rate=1000):
    pyedflib = pytest.importorskip("pyedflib", reason="writing EDF needs pyedflib (extra test)")
    writer = pyedflib.EdfWriter(str(path), len(names), file_type=pyedflib.FILETYPE_EDFPLUS)
    for index, name in enumerate(names):
        writer.setSignalHeader(
            index,
            {
                "label": name,
                "dimension": unit,
                "sample_frequency": rate,
                "physical_min": -3200.0,
                "physical_max": 3200.0,
                "digital_min": -32768,
                "digital_max": 32767,
                "transducer": "",
                "prefilter": "",
            },
        )
    writer.writeSamples([np.ascontiguousarray(column) for column in data.T])
    writer.close()
    return path


# --- real and written files ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "path", "muscles", "unit", "n_samples"),
    [
        ("physiology.smr", None, ("FDI", "soleus"), "mV", 248017),
        # RC and abdo swing with the breath at 0.3 Hz: belts around rib cage and abdomen, read only when asked for.
        ("physiology.smr", "soleus,RC,abdo", ("soleus", "RC", "abdo"), "V", 248017),
        ("biomech0deg.smr", None, ("prox_EMG", "dist_EMG"), "V", 562321),
    ],
)
def test_spike2_files_are_read_with_the_channels_that_are_muscles(shared_data, file, path, muscles, unit, n_samples):
    source = shared_data / "spike2" / file
    segment = neo.io.Spike2IO(str(source)).read_segment()
    plain = {}
    for signal in segment.analogsignals:
        to_volts = 1e-3 if signal.units == pq.mV else 1.0  # Neo does not know "v" and calls it dimensionless
        for column, name in enumerate(signal.array_annotations["channel_names"]):
            plain[str(name)] = signal[1000:3000, column].magnitude[:, 0] * to_volts, float(signal.t_start)
    with open_emg(source, path=path) as recording:
        assert (recording.muscles, recording.unit, recording.n_samples) == (muscles, unit, n_samples)
        assert recording.rate == (5000.0 if "biomech" in file else 2000.0)
        assert recording.assumptions[0] == "read by Neo's Spike2IO, chosen by the file type"
        block = recording.read(1000, 3000)
        for column, muscle in enumerate(muscles):
            expected = plain[muscle][0] * (1e3 if unit == "mV" else 1.0)
            np.testing.assert_allclose(block[:, column], expected, rtol=1e-4, atol=1e-6)
        assert recording.segments[0].start_time == pytest.approx(plain[muscles[0]][1], abs=1e-9)


def test_an_event_of_a_spike2_file_keeps_its_time(shared_data):
    # The reflex that follows each stimulus in soleus: what Neo shows at a time, the result shows at that time.
    path = shared_data / "spike2" / "physiology.smr"
    segment = neo.io.Spike2IO(str(path)).read_segment()
    signal = next(each for each in segment.analogsignals if "soleus" in each.array_annotations["channel_names"])
    raw = signal.magnitude[:, list(signal.array_annotations["channel_names"]).index("soleus")]
    times = signal.times.rescale("s").magnitude
    peak = times[np.abs(np.diff(raw, prepend=raw[0])).argmax()]
    with open_emg(path, path="soleus") as recording:
        emg = preprocess(recording, PreprocessingConfig(highpass_hz=20.0, clip_quantile=1.0))
    assert (
        abs(float(emg["time"][int(emg.values.argmax())]) - peak) < 0.003
    )  # the largest step and the largest swing after it


def test_the_reader_can_be_named_and_channels_chosen_by_name_or_pattern(shared_data):
    path = shared_data / "spike2" / "biomech0deg.smr"
    with open_emg(path, io="Spike2IO", path="dist*") as recording:
        assert recording.muscles == ("dist_EMG",)
        assert recording.assumptions[0] == "read by Neo's Spike2IO"
    with open_emg(path, muscles=["gastrocnemius", "soleus"]) as recording:
        assert recording.muscles == ("gastrocnemius", "soleus")
    with open_emg(path, muscles=["dist_EMG"]) as chosen, open_emg(path) as both:
        np.testing.assert_array_equal(chosen.read(0, 50)[:, 0], both.read(0, 50)[:, 1])


def test_edf_is_read_in_the_unit_of_its_header(tmp_path):
    path = write_edf(tmp_path / "a.edf", 400 * raw_emg(4000), ["EMG TA", "EMG SOL", "ECG"])
    with pytest.importorskip("pyedflib").EdfReader(str(path)) as plain:
        expected = np.stack([plain.readSignal(column) for column in range(2)], axis=1)
    with open_emg(path) as recording:
        assert recording.muscles == ("EMG TA", "EMG SOL")
        assert (recording.rate, recording.unit) == (1000.0, "uV")
        assert "EDFIO" in recording.assumptions[0]
        step = 6400 / 65535  # of the 16-bit numbers that EDF holds; Neo and pyedflib place them half a step apart
        np.testing.assert_allclose(recording.read(100, 3000), expected[100:3000], rtol=1e-4, atol=step)


def test_nix_is_read_with_all_its_segments(tmp_path):
    pytest.importorskip("nixio", reason="writing NIX needs nixio (extra test)")
    data = raw_emg(3000)
    block = block_of([signal_of(data[:2000], start=1.5)], [signal_of(data[2000:], start=7.0)])
    with neo.NixIO(str(tmp_path / "a.nix"), mode="ow") as io:
        io.write_block(block)
    with open_emg(tmp_path / "a.nix") as recording:
        parts = [(part.start_time, part.first_sample, part.n_samples) for part in recording.segments]
        assert parts == [(1.5, 0, 2000), (7.0, 2000, 1000)]
        assert (len(recording.muscles), recording.unit) == (3, "mV")
        np.testing.assert_allclose(recording.read(1990, 2010), data[1990:2010], rtol=1e-6)


# --- objects: segments, streams, units -------------------------------------------------------------------------------


def test_streams_in_millivolts_and_microvolts_become_volts():
    data = raw_emg(1000, 2)
    signals = [signal_of(data[:, :1], names=["EMG TA"]), signal_of(data[:, 1:] * 1e3, unit="uV", names=["EMG SOL"])]
    recording = open_emg(block_of(signals))
    assert recording.unit == "V"
    np.testing.assert_allclose(recording.read(0, 1000), data * 1e-3, rtol=1e-5)


def test_units_that_only_quantities_knows_are_converted():
    data = raw_emg(500, 1)
    recording = open_emg(signal_of(data, unit=pq.kV))
    assert recording.unit == "V"
    np.testing.assert_allclose(recording.read(0, 500), data * 1e3, rtol=1e-5)


def test_a_unit_that_is_none_of_emg_is_refused_until_it_is_given_by_hand():
    signal = signal_of(raw_emg(500, 1), unit="degC")
    assert "its unit is 'degC', which is not one of EMG. If it is EMG, say its unit with --unit" in message_of(
        signal, path="EMG*"
    )
    recording = open_emg(signal, path="EMG*", unit="a.u.")
    assert recording.unit == "a.u."
    assert "arbitrary units, as given by hand (the file says 'degC')" in recording.assumptions


def test_a_stream_is_chosen_by_its_name_and_others_keep_out():
    data = raw_emg(1000, 2)
    block = block_of([signal_of(data, names=["a", "b"], name="legs"), signal_of(data, names=["c", "d"], name="arms")])
    assert open_emg(block, path="legs").muscles == ("a", "b")
    message = message_of(block)
    assert "no channel is clearly EMG. Name the channels with --emg A,B,..." in message
    assert "\n  c (1000 samples, mV, 1000 Hz)" in message
    assert "no channel or stream is called feet" in message_of(block, path="feet")


def test_channels_of_two_rates_or_starts_are_refused_with_the_pair():
    fast = signal_of(raw_emg(2000, 1), rate=2000.0, names=["EMG TA"])
    slow = signal_of(raw_emg(1000, 1), names=["EMG SOL"])
    late = signal_of(raw_emg(2000, 1), rate=2000.0, start=0.1, names=["EMG SOL"])
    short = signal_of(raw_emg(1900, 1), rate=2000.0, names=["EMG SOL"])
    together = "EMG TA and EMG SOL were not sampled together: "
    assert together + "two rates, 2000 Hz and 1000 Hz" in message_of(block_of([fast, slow]))
    assert together + "they start at 0 s and 0.1 s" in message_of(block_of([fast, late]))
    assert together + "2000 and 1900 samples" in message_of(block_of([fast, short]))


def test_segments_that_share_no_clock_are_refused_and_one_can_be_chosen():
    data = raw_emg(1000, 2)
    block = block_of([signal_of(data)], [signal_of(2 * data)])
    assert "segment 1 starts at 0 s, before the one before it has ended: they share no clock" in message_of(block)
    np.testing.assert_allclose(open_emg(block, path="segment 1").read(0, 9), 2 * data[:9], rtol=1e-6)
    assert open_emg(block, path="segment 0/EMG 1").muscles == ("EMG 1",)
    assert "there is no segment 2" in message_of(block, path="segment 2")


def test_segments_with_other_signals_are_refused():
    block = block_of([signal_of(raw_emg(1000, 2))], [signal_of(raw_emg(1000, 3), start=5.0)])
    assert "its segments do not hold the same signals" in message_of(block)


def test_objects_without_signals_are_refused():
    assert "SpikeTrain holds no signals" in message_of(neo.SpikeTrain([1, 2] * pq.s, t_stop=3 * pq.s))
    assert "dict is nothing that EMG is read from" in message_of({})
    assert "looks like a probe" in message_of(signal_of(np.zeros((400, 300))))


# --- choosing the reader ---------------------------------------------------------------------------------------------


def test_a_reader_that_does_not_exist_or_runs_code_is_refused(tmp_path):
    path = tmp_path / "a.smr"
    path.write_bytes(b"no spike2 at all")
    assert "Neo has no Spike3IO. Choose --io from AlphaOmegaIO, " in message_of(path, io="Spike3IO")
    assert "Neo's PickleIO is not used: it runs what is in the file" in message_of(path, io="PickleIO")
    assert "Neo's NWBIO is not used" in message_of(file_with_2d_series(tmp_path / "b.nwb"), io="NWBIO")
    assert "Neo's Spike2IO cannot read it" in message_of(path)


def test_a_file_type_of_several_readers_or_none_asks_for_one(tmp_path):
    for name in ("a.dat", "a.pkl", "a.xyz"):
        (tmp_path / name).write_bytes(b"1234")
    assert "files of type .dat are read by BCI2000IO, ElphyIO, IntanIO" in message_of(tmp_path / "a.dat")
    for name in ("a.pkl", "a.xyz"):
        assert "is neither NWB nor of a type that Neo knows" in message_of(tmp_path / name)
    assert "there is no such file" in message_of(tmp_path / "gone.smr")


# --- what Neo says and how it fails ----------------------------------------------------------------------------------


def noisy(then):
    """Warn, log and print, as readers do, and then go on."""

    def method(*arguments, **more):
        warnings.warn("the header is of an old version\nsee there", UserWarning, stacklevel=1)
        logging.getLogger("neo.rawio.spike2rawio").error("bad block")
        print("reading the header")
        return then(*arguments, **more)

    return method


def fails(*_, **__):
    raise IndexError("index 7 is out of bounds")


@pytest.fixture
def spike2(shared_data):
    return shared_data / "spike2" / "biomech0deg.smr"


def test_what_neo_warns_of_is_an_assumption_and_nothing_else_is_heard(spike2, monkeypatch, capfd, caplog):
    monkeypatch.setattr(neo.io.Spike2IO, "_parse_header", noisy(neo.io.Spike2IO._parse_header))
    monkeypatch.setattr(neo.io.Spike2IO, "get_analogsignal_chunk", noisy(neo.io.Spike2IO.get_analogsignal_chunk))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with open_emg(spike2) as recording:
            recording.read(0, 100)
        listed = list_contents(spike2)
    said = "the reader of the file warns: the header is of an old version"
    assert recording.assumptions[-1] == said
    assert listed.note == f"read by Neo's Spike2IO; {said}"
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_a_reader_of_neo_that_fails_is_one_error_that_names_the_file(spike2, monkeypatch):
    monkeypatch.setattr(neo.io.Spike2IO, "_parse_header", fails)
    expected = f"{spike2}: Neo's Spike2IO cannot read it (IndexError: index 7 is out of bounds). Check that the file"
    assert message_of(spike2).startswith(expected)


def test_samples_that_neo_cannot_read_are_one_error_that_names_them(spike2, monkeypatch):
    with open_emg(spike2) as recording:
        monkeypatch.setattr(neo.io.Spike2IO, "get_analogsignal_chunk", fails)
        with assert_refused(
            SourceError,
            (
                "biomech0deg.smr, prox_EMG,dist_EMG: samples 5 to 9 cannot be read: the file is damaged or "
                "the connection was lost (IndexError: index 7 is out of bounds)"
            ),
            "Try again; if it stays, copy or download the file again",
        ):
            recording.read(5, 9)
    assert "samples 0 to 8192 cannot be read" in message_of(spike2)


def test_neo_objects_that_fail_are_one_error(monkeypatch):
    block = block_of([signal_of(raw_emg(100))])
    monkeypatch.setattr(neo.AnalogSignal, "t_start", property(fails))
    assert "Block: Neo cannot read it (IndexError: index 7 is out of bounds)" in message_of(block)


def test_a_file_in_which_neo_finds_no_signals_is_refused(spike2, monkeypatch):
    monkeypatch.setattr(streams, "_channels_of_raw", lambda _: [])
    with assert_refused(
        SourceError,
        "biomech0deg.smr: Neo's Spike2IO finds no signals in it",
        "Check that the file is complete and, if it is of another type, name its reader with --io",
    ):
        list_contents(spike2)


def brain_vision(folder, data_file):
    """A recording of BrainVision: a header, and three muscles of 16-bit samples in another file."""
    header = f"""Brain Vision Data Exchange Header File Version 1.0
[Common Infos]
DataFile={data_file}
MarkerFile=session.vmrk
DataFormat=BINARY
DataOrientation=MULTIPLEXED
NumberOfChannels=3
SamplingInterval=1000
[Binary Infos]
BinaryFormat=INT_16
[Channel Infos]
Ch1=EMG TA,,0.5,uV
Ch2=EMG SOL,,0.5,uV
Ch3=EMG MG,,0.5,uV
"""
    (folder / "session.vhdr").write_text(header)
    (folder / "session.vmrk").write_text("Brain Vision Data Exchange Marker File, Version 1.0\n[Marker Infos]\n")
    counts = (raw_emg(2000) * 500).astype("<i2")
    (folder / data_file).write_bytes(counts.tobytes())
    return folder / "session.vhdr", counts


def test_brainvision_is_read_with_its_samples_beside_it_and_not_elsewhere(tmp_path):
    (tmp_path / "mine").mkdir()
    path, counts = brain_vision(tmp_path / "mine", "session.eeg")
    with open_emg(path) as recording:
        np.testing.assert_allclose(recording.read(5, 9), counts[5:9] * 0.5)
    path, _ = brain_vision(tmp_path / "mine", "../yours.eeg")
    said = "session.vhdr, DataFile: reads its data from '../yours.eeg', outside the folder of the file. Put that file"
    assert said in message_of(path)


@pytest.mark.parametrize("rate", [1e-304, 0.5, 2e6])
def test_rates_that_no_recording_has_are_refused(rate):
    with pytest.raises(SourceError, match=rf"its rate is {rate:g} Hz".replace("+", r"\+")):
        lay_out([0.0], [1000], rate, file="a.edf", obj="EMG")
