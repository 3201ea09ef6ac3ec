"""What is in a file that Neo reads, for `inspect`: its channels."""

from __future__ import annotations

from pathlib import Path

from nwb_autolfads.errors import SourceError
from nwb_autolfads.sources.found import Contents, FoundEmg, FoundSeries
from nwb_autolfads.sources.neo.emg import choose_channels, unit_of
from nwb_autolfads.sources.neo.opening import open_channels
from nwb_autolfads.sources.neo.streams import Channel
from nwb_autolfads.sources.nwb.candidates import EMG_SCORE, Candidate
from nwb_autolfads.sources.segments import lay_out


def list_channels(path: Path, io: str | None) -> Contents:
    """List the channels of a file that Neo reads: those that are clearly EMG, and the others.

    Raises
    ------
    SourceError
        If Neo cannot read the file.
    """
    if not path.exists():
        raise SourceError("there is no such file", file=str(path), way_out="Check the path")
    channels, reader, notes = open_channels(path, io)
    if not channels:
        way_out = "Check that the file is complete and, if it is of another type, name its reader with --io"
        raise SourceError(f"{reader} finds no signals in it", file=str(path), way_out=way_out)
    try:
        emg = choose_channels(channels, None, str(path))
    except SourceError:
        emg = []
    found = tuple(_found_channel(channel) for channel in emg)
    others = (
        FoundSeries(each.name, (sum(each.counts), 1), each.rate, unit_of(each)[0])
        for each in channels
        if each not in emg
    )
    return Contents(str(path), "", "", found, (), tuple(others), (), 0, note="; ".join((f"read by {reader}", *notes)))


def _found_channel(channel: Channel) -> FoundEmg:
    shape, unit = (sum(channel.counts), 1), unit_of(channel)[0]
    candidate = Candidate(
        path=channel.name,
        kind=f"channel of {channel.stream}",
        shape=shape,
        rate=channel.rate,
        unit=unit,
        muscles=(channel.muscle or channel.name,),
        named_by="the channel",
        score=EMG_SCORE,
        reasons=("named EMG or as a muscle",),
        series=(),
    )
    try:
        segments = lay_out(channel.starts, channel.counts, channel.rate, file="", obj=channel.name)
    except SourceError as error:
        return FoundEmg(candidate, True, (), error.problem)
    return FoundEmg(candidate, True, segments, "")
