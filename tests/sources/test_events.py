"""Events in every form that files have them in: the same times, by table, series, label or edge."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from builders import add_of_extension, new_nwbfile, save
from hdmf.common import DynamicTable
from messages import assert_refused
from pynwb import TimeSeries
from pynwb.behavior import BehavioralEvents
from pynwb.epoch import TimeIntervals
from pynwb.event import EventsTable
from pynwb.misc import AnnotationSeries, IntervalSeries

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.contents import list_contents
from nwb_autolfads.sources.nwb.events import read_events

LABELED = {
    "neurodata_type_def": "LabeledEvents",
    "neurodata_type_inc": "NWBDataInterface",
    "doc": "Events with labels, as ndx-events 0.2 has them.",
    "attributes": [{"name": "description", "dtype": "text", "doc": "d"}],
    "datasets": [
        {"name": "timestamps", "dtype": "float32", "shape": [None], "doc": "Times (s)."},
        {
            "name": "data",
            "dtype": "uint8",
            "shape": [None],
            "doc": "Labels.",
            "attributes": [{"name": "labels", "dtype": "text", "shape": [None], "doc": "Names."}],
        },
    ],
}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    nwbfile = new_nwbfile()
    times = [0.5, 1.5, 2.5, 3.5]
    notes = AnnotationSeries(name="notes", data=["start", "slip", "start", "end"], timestamps=times)
    contact = IntervalSeries(name="contact", data=np.array([1, -1, 1, -1], dtype=np.int8), timestamps=times)
    drops = TimeSeries(name="drops", data=[1.0, 2.0, 1.0], timestamps=[3.0, 1.0, 2.0], unit="ml")
    nwbfile.add_acquisition(notes)
    nwbfile.add_acquisition(TimeSeries(name="sampled", data=np.zeros(10), rate=10.0, unit="V"))
    nwbfile.add_stimulus(drops)
    module = nwbfile.create_processing_module("behavior", "what the animal did")
    module.add(contact)
    module.add(BehavioralEvents(time_series=[TimeSeries(name="strikes", data=[1, 1], timestamps=[4.0, 5.0], unit="n")]))
    kinds = DynamicTable(name="kinds", description="a row for each kind of event, as AnnotatedEventsTable has it")
    kinds.add_column("label", "kind")
    kinds.add_column("event_times", "s", index=True)
    kinds.add_row(label="strike", event_times=[1.0, 2.0])
    kinds.add_row(label="off", event_times=[1.4])
    module.add(kinds)
    licks = EventsTable(name="licks", description="licks")
    for time in (0.1, 0.4, 0.2, 0.3, 0.6, 0.5):
        licks.add_event(timestamp=time)
    nwbfile.add_events_table(licks)
    said = EventsTable(name="said", description="what was said")
    for time, text in ((0.1, "go"), (0.2, "stop"), (0.3, "go")):
        said.add_event(timestamp=time, annotation=text)
    nwbfile.add_events_table(said)
    steps = TimeIntervals(name="steps", description="fewer than would be chosen unasked")
    steps.add_row(start_time=7.0, stop_time=8.0)
    nwbfile.add_time_intervals(steps)
    return add_of_extension(
        save(nwbfile, tmp_path_factory.mktemp("events") / "session.nwb"),
        "acquisition/rewards",
        LABELED,
        namespace="ndx-events",
        version="0.2.0",
        fields={
            "description": "rewards",
            "timestamps": np.array([1.0, 2.0, 3.0], dtype=np.float32),
            "data": (np.array([1, 0, 1], dtype=np.uint8), {"labels": ["small", "large"]}),
        },
    )


@pytest.mark.parametrize(
    ("place", "times"),
    [
        ("acquisition/notes", [0.5, 1.5, 2.5, 3.5]),
        ("acquisition/notes:start", [0.5, 2.5]),
        ("processing/behavior/contact", [0.5, 2.5]),
        ("processing/behavior/contact:stop", [1.5, 3.5]),
        ("processing/behavior/BehavioralEvents/strikes", [4.0, 5.0]),
        ("stimulus/presentation/drops", [1.0, 2.0, 3.0]),
        ("acquisition/rewards", [1.0, 2.0, 3.0]),
        ("acquisition/rewards:large", [1.0, 3.0]),
        ("processing/behavior/kinds", [1.0, 1.4, 2.0]),
        ("processing/behavior/kinds:off", [1.4]),
        ("licks", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
        ("events/licks:timestamp", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
        ("said", [0.1, 0.2, 0.3]),
        ("said:go", [0.1, 0.3]),
        ("intervals/steps:stop_time", [8.0]),
    ],
)
def test_times_are_read_from_wherever_they_are(path, place, times):
    np.testing.assert_allclose(read_events(path, place).times, times)


def test_unasked_the_longest_table_is_taken_and_one_of_intervals_before_one_of_events(path):
    assert read_events(path).name == "licks:timestamp"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("reaches", r"there is no table or series of events of this name. Give TABLE:COLUMN or PATH; there are .*"),
        (
            "reaches",
            r"there are .*licks:timestamp.*acquisition/notes.*acquisition/rewards.*stimulus/presentation/drops",
        ),
        ("acquisition/sampled", "is a series of samples, not of events"),
        ("acquisition/notes:jump", "no event has this label. There are end, slip, start"),
        ("acquisition/rewards:huge", "no event has this label. There are large, small"),
        ("said:wait", "no event has this label. There are go, stop"),
        ("processing/behavior/kinds:jump", "no event has this label. There are off, strike"),
        ("stimulus/presentation/drops:big", "Its events have no labels: give the path alone"),
        ("licks:color", "the table has no such column. Give TABLE:COLUMN; its columns are timestamp"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(path, place, said):
    with pytest.raises(SourceError, match=said.replace(". ", r"\. ")):
        read_events(path, place)


def test_inspect_lists_them(path):
    found = list_contents(path)
    assert {each.path for each in found.intervals} == {"intervals/steps", "events/licks", "events/said"}
    assert {(each.path, each.n_rows) for each in found.events} == {
        ("acquisition/notes", 4),
        ("acquisition/rewards", 3),
        ("processing/behavior/contact", 4),
        ("processing/behavior/kinds", 2),
        ("processing/behavior/BehavioralEvents/strikes", 2),
        ("stimulus/presentation/drops", 3),
    }


def test_a_file_without_events_says_so(tmp_path):
    bare = save(new_nwbfile(), tmp_path / "bare.nwb")
    assert read_events(bare) is None
    with assert_refused(
        SourceError,
        "bare.nwb, licks: there is no table or series of events of this name",
        "The file has neither a table of intervals or events nor a series of them",
    ):
        read_events(bare, "licks")


def test_events_that_ndx_events_0_4_wrote_are_read_without_it(tmp_path):
    written = tmp_path / "events.nwb"
    kept = Path(__file__).parent / "ndx_events" / "0.4.0.nwb.gz"
    written.write_bytes(gzip.decompress(kept.read_bytes()))
    for place in (None, "foot_strikes:timestamp", "foot_strikes"):
        np.testing.assert_array_equal(read_events(written, place).times, [1.0, 2.0, 3.0, 4.0, 5.0])
    assert [each.path for each in list_contents(written).intervals] == ["events/foot_strikes"]
