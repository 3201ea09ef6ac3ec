"""An estimate that exists, as a data interface of NeuroConv: written beside the recordings of a conversion."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from neuroconv import BaseDataInterface
from neuroconv.utils import DeepDict
from pydantic import FilePath, validate_call
from pynwb import NWBFile

from nwb_autolfads.errors import SourceError
from nwb_autolfads.results.read import choose, list_estimates, read_activation, read_weights
from nwb_autolfads.results.write import add_activation
from nwb_autolfads.sources.opening.nwb import open_hdf5

SAME_INSTANT_S = 1e-3


class AutoLFADSActivationInterface(BaseDataInterface):
    """Muscle activation that `nwb_autolfads` estimated, by AutoLFADS or by another of its estimators.

    The interface writes an estimate that a file holds already, into the session that a converter makes; it estimates
    nothing. Make the file first: ``nwb-autolfads run RECORDING``.

    Parameters
    ----------
    file_path : path
        An NWB file that `nwb_autolfads.write_activation` or the command line made.
    estimate_name : str, optional
        Name of the estimate in it; needed where there are several. Its name in the new file is the same.
    verbose : bool
        Not used.

    Raises
    ------
    SourceError
        If the file cannot be read, or it is not clear which estimate is meant.
    """

    display_name = "Muscle activation (nwb-autolfads)"
    keywords = ("EMG", "electromyography", "muscle activation", "LFADS")
    associated_suffixes = (".nwb",)
    info = "Interface for muscle activation that nwb-autolfads estimated from EMG."

    @validate_call
    def __init__(self, file_path: FilePath, *, estimate_name: str | None = None, verbose: bool = False) -> None:
        super().__init__(verbose=verbose, file_path=str(file_path), estimate_name=estimate_name)
        self._path = file_path
        self._name = choose(file_path, list_estimates(file_path), estimate_name, "estimate")

    def get_metadata(self) -> DeepDict:
        """Return when the session of the estimate started: its times count from there."""
        metadata = super().get_metadata()
        metadata["NWBFile"]["session_start_time"] = self._start()
        return metadata

    def get_conversion_options_schema(self) -> dict[str, Any]:
        """Return the schema of the options of `add_to_nwbfile`."""
        schema = super().get_conversion_options_schema()
        schema["additionalProperties"] = False
        return schema

    def add_to_nwbfile(
        self,
        nwbfile: NWBFile,
        metadata: dict[str, Any] | None = None,
        *,
        with_model: bool = False,
        time_offset: float | None = None,
    ) -> None:
        """Add the estimate, and the table of its muscles, to ``processing/behavior``.

        Parameters
        ----------
        nwbfile : NWBFile
            The session in memory.
        metadata : dict, optional
            Of the whole session; the estimate describes itself.
        with_model : bool, default: False
            Whether the trained model goes with it, where the file holds it.
        time_offset : float, optional
            Seconds to add to its times. Needed where the session that is written starts at another time than that of
            the estimate: what belongs together then, only you can know.

        Raises
        ------
        SourceError
            If the sessions start at different times and no offset was given, or the model is not there.
        OutputError
            If its name is taken.
        """
        estimate = read_activation(self._path, self._name)
        if time_offset is None:
            self._require_same_start(nwbfile.session_start_time)
        else:
            clocks = {key: estimate[key] + time_offset for key in ("time", "window_start") if key in estimate.coords}
            estimate = estimate.assign_coords(clocks)
        weights = read_weights(self._path, self._name) if with_model else None
        add_activation(nwbfile, estimate, self._name, weights=weights)

    def _start(self) -> datetime:
        with open_hdf5(self._path, itself_only=True) as opened:
            return opened.nwbfile.timestamps_reference_time

    def _require_same_start(self, start: datetime) -> None:
        own = self._start().astimezone(start.tzinfo)
        if abs((start - own).total_seconds()) > SAME_INSTANT_S:
            raise SourceError(
                f"its session starts at {own.isoformat()}, the one to be written at {start.isoformat()}",
                way_out="Give one session_start_time in the metadata, or the conversion option time_offset (s)",
                file=str(self._path),
                obj=self._name,
            )
