"""A session, opened to be looked at: every signal by its key, its events, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from pynwb import NWBFile

from nwb_autolfads.emg.config import PreprocessingConfig
from nwb_autolfads.errors import NwbAutolfadsError, SourceError
from nwb_autolfads.files.address import is_address
from nwb_autolfads.palette import display_unit
from nwb_autolfads.results.asked import settings_of, source_of
from nwb_autolfads.results.inside import parse_origin
from nwb_autolfads.results.recorded_in import recording_of
from nwb_autolfads.sources import open_emg, room_of
from nwb_autolfads.sources.opening.nwb import open_nwb
from nwb_autolfads.sources.recording import EmgRecording, Origin, guarded
from nwb_autolfads.sources.spikes.trains import SpikeTrains, read_spikes
from nwb_autolfads.viewer.quality import quality_of
from nwb_autolfads.viewer.signals.emg import emg_signal
from nwb_autolfads.viewer.signals.estimates import LazyEstimate, estimates_in, written_estimates
from nwb_autolfads.viewer.signals.events import events_in
from nwb_autolfads.viewer.signals.movement import movement_signals
from nwb_autolfads.viewer.signals.pyramid import Pyramid
from nwb_autolfads.viewer.signals.signal import Signal
from nwb_autolfads.viewer.signals.spikes import Raster
from nwb_autolfads.viewer.signals.turns import Turns

if TYPE_CHECKING:
    import xarray as xr

EMG, SPIKES = "emg", "spikes"
ELSEWHERE = "estimates are read of a file on this machine; download this one to see them"
FINE_BLOCKS = 300
"""Of which a stretch may consist so that it is read from the file as it is asked for."""


@dataclass
class Session:
    """All of a session that can be drawn.

    Attributes
    ----------
    title : str
        Name of the file.
    unit : str
        Of activation and EMG, as they are drawn.
    signals : dict of str to Pyramid or Raster
        ``emg``, ``activation/NAME``, ``band/NAME``, ``factors/NAME``, ``inputs/NAME`` and ``inputs_band/NAME`` of each
        estimate, ``spikes``, and ``movement/PATH``.
    estimates : dict of str to LazyEstimate
        By their names.
    recording : EmgRecording or None
        None where the EMG cannot be read.
    preprocessing : PreprocessingConfig
        With which the estimates were made.
    events : dict of str to ndarray, (event,)
        Times (s).
    intervals : dict of str to ndarray, (interval, 2)
        Starts and stops (s).
    notes : list of str
        What is not drawn, and why.
    turns : Turns
        Who may read the file.
    builder : Thread or None
        What builds the coarse levels.
    looked_at : Event
        Set as soon as somebody looks: what is in view then has the machine for itself for a while.
    closing : Event
        Set when nothing more is to be read.
    quality : Dataset or None
        Of the EMG, see `nwb_autolfads.viewer.quality.quality_of`; None until it is judged, by one at a time
        (``judging``).
    """

    title: str
    unit: str = ""
    signals: dict[str, Pyramid | Raster] = field(default_factory=dict)
    estimates: dict[str, LazyEstimate] = field(default_factory=dict)
    recording: EmgRecording | None = None
    preprocessing: PreprocessingConfig = field(default_factory=PreprocessingConfig)
    events: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    intervals: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    turns: Turns = field(default_factory=Turns)
    builder: Thread | None = None
    looked_at: Event = field(default_factory=Event)
    closing: Event = field(default_factory=Event)
    quality: xr.Dataset | None = None
    judging: Lock = field(default_factory=Lock)

    @property
    def muscles(self) -> list[str]:
        """Names of those that were recorded or estimated, each once."""
        keys = [EMG, *(f"activation/{name}" for name in self.estimates)]
        return list(dict.fromkeys(name for key in keys if key in self.signals for name in self.signals[key].columns))

    @property
    def span(self) -> tuple[float, float]:
        """Time of the first sample of anything, and after the last (s)."""
        drawn = [each.signal for each in self.signals.values() if isinstance(each, Pyramid)]
        return min(each.start for each in drawn), max(each.stop for each in drawn)

    def wait_for(self, span: float = np.inf) -> None:
        """Wait until coarse levels are known, where a stretch of so many seconds needs them."""
        while any(
            not each.is_built and span * each.rate > FINE_BLOCKS * each.block
            for each in self.signals.values()
            if isinstance(each, Pyramid)
        ):
            if self.builder is None or not self.builder.is_alive():
                return
            self.builder.join(0.1)

    def add(self, key: str, signal: Signal) -> None:
        """Add a signal; what cannot be read of it is a `SourceError` that names the samples."""
        read = guarded(cast("Any", signal.read), Origin(self.title, "", key, ""))
        self.signals[key] = Pyramid(replace(signal, read=cast("Any", read)), self.turns)


@contextmanager
def opened_session(
    file: str | Path, *, emg: str | None = None, outside_links: bool = False, head_start: float = 0.0
) -> Iterator[Session]:
    """Open a recording or a result to look at it; its coarse levels are built meanwhile.

    Parameters
    ----------
    file : path or str
        An NWB file with or without estimates, its address, or a file that Neo reads.
    emg : str, optional
        Where the EMG is in it; by default as the estimates say, or found by itself.
    outside_links : bool
        Whether the file may read from outside its own folder.
    head_start : float
        How long (s) after somebody began to look the coarse levels are begun.

    Raises
    ------
    SourceError
        If the file cannot be read, or nothing in it can be drawn.
    """
    session = Session(str(file) if is_address(str(file)) else Path(file).name)
    with ExitStack() as stack:
        _open(session, file, emg, outside_links, stack)
        if not any(isinstance(each, Pyramid) for each in session.signals.values()):
            raise SourceError(
                "nothing in it can be drawn" + "".join(f"; {note}" for note in session.notes),
                file=str(file),
                way_out="See what is in it: nwb-autolfads inspect FILE",
            )
        session.builder = builder = Thread(target=_build, args=(session, head_start), daemon=True)
        builder.start()
        try:
            yield session
        finally:
            session.closing.set()
            session.looked_at.set()  # nobody will any more
            builder.join()
            with session.turns:  # nobody reads any more
                stack.close()


def _open(session: Session, file: str | Path, emg: str | None, outside_links: bool, stack: ExitStack) -> None:
    if room_of(file) != "nwb":
        session.recording = stack.enter_context(open_emg(file, path=emg))
        _add_emg(session)
        return
    nwbfile = stack.enter_context(open_nwb(file, outside_links=outside_links)).nwbfile
    if is_address(str(file)):
        session.notes += [f"{name} is not drawn: {ELSEWHERE}" for name in written_estimates(nwbfile)]
    else:
        session.estimates, notes = estimates_in(nwbfile, Path(file), lambda unit: display_unit(unit)[0])
        session.notes += notes
        others = any(_made_from(each) != nwbfile.identifier for each in session.estimates.values())
        if others and Path(file).is_file():
            beside = recording_of(file)
            if beside != Path(file):
                nwbfile = stack.enter_context(open_nwb(beside, outside_links=outside_links)).nwbfile
    for name, estimate in session.estimates.items():
        session.unit = session.unit or display_unit(str(estimate.excerpt.attrs.get("unit", "")))[1]
        for kind, signal in estimate.signals.items():
            session.add(f"{kind}/{name}", signal)
    try:
        session.recording = _recording(session, nwbfile, emg)
        _add_emg(session)
    except NwbAutolfadsError as error:
        session.notes.append(f"The EMG is not drawn: {error.problem}")
    movement, notes = movement_signals(nwbfile, session.title)
    for path, signal in movement.items():
        session.add(f"movement/{path}", signal)
    session.events, session.intervals, more = events_in(nwbfile)
    session.notes += notes + more
    if nwbfile.units is not None and session.signals:
        _add_spikes(session, nwbfile)


def _made_from(estimate: LazyEstimate) -> str:
    """Return the identifier of the file that an estimate was made from; "" where it does not say."""
    return str(parse_origin(estimate.excerpt.attrs.get("origin")).get("file_identifier", ""))


def _recording(session: Session, nwbfile: NWBFile, emg: str | None) -> EmgRecording:
    if not session.estimates:
        return open_emg(nwbfile, path=emg)
    first = next(iter(session.estimates.values())).excerpt
    session.preprocessing = settings_of(first).preprocessing
    source = source_of(session.title, first)
    return open_emg(nwbfile, path=emg or source.emg, muscles=source.muscles, unit=source.unit)


def _add_emg(session: Session) -> None:
    recording = session.recording
    if recording is not None:
        factor, unit = display_unit(recording.unit)
        session.unit = session.unit or unit
        session.add(EMG, emg_signal(recording, session.preprocessing, factor, unit))


def _add_spikes(session: Session, nwbfile: NWBFile) -> None:
    try:
        trains = read_spikes(nwbfile)
    except SourceError as error:
        session.notes.append(f"Spikes are not drawn: {error.problem}")
        return
    if len(trains.units) > MOST_UNITS:
        session.notes.append(f"of {len(trains.units)} units the first {MOST_UNITS} are drawn")
        trains = SpikeTrains(
            trains.units[:MOST_UNITS],
            trains.times[:MOST_UNITS],
            trains.observed[:MOST_UNITS],
            trains.file_identifier,
        )
    session.signals[SPIKES] = Raster(trains, *session.span)


MOST_UNITS = 256
"""Of a raster."""


def _build(session: Session, head_start: float) -> None:
    """Build coarse levels of what is looked at first, then judge; what cannot be read is said when it is drawn."""
    if head_start:
        _glance_at_emg(session)
        session.looked_at.wait(LONGEST_WAIT_S)
        session.closing.wait(head_start)
    for each in list(session.signals.values()):
        try:
            each.build(session.closing)
        except NwbAutolfadsError as error:
            session.notes.append(str(error))
    if head_start:  # on the page somebody may ask
        with suppress(NwbAutolfadsError):
            quality_of(session)


def _glance_at_emg(session: Session) -> None:
    """Read a sample, so that the filters are known before the browser asks for what is in view."""
    if isinstance(emg := session.signals.get(EMG), Pyramid):
        with suppress(NwbAutolfadsError), session.turns.in_background():  # said when it is drawn
            emg.signal.read(0, 1)


LONGEST_WAIT_S = 10.0
"""For somebody to look, before coarse levels are built all the same."""
