"""A run directory: a killed search goes on from its last epoch and ends with the numbers of an unbroken one.

``state.safetensors`` is everything the search needs, replaced as a whole after every epoch; ``history.csv`` and
``config.json`` are for people. Nothing is unpickled; what is read is compared by name, shape and type with the run that
is to go on before any of it is used.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import warnings
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from nwb_autolfads.errors import NwbAutolfadsWarning, OutputError, SourceError, shown
from nwb_autolfads.files.atomic import write_bytes, write_text
from nwb_autolfads.files.limits import MAX_HEADER_BYTES
from nwb_autolfads.files.places import make_folder
from nwb_autolfads.files.regular import require_regular_file
from nwb_autolfads.search.engines.base import Engine, EngineState
from nwb_autolfads.search.pbt import PopulationBasedTraining
from nwb_autolfads.search.renamed import RENAMED, tensor_name_of_today, with_names_of_today

FORMAT, EARLIER_FORMAT = "nwb-autolfads run 3", "nwb-autolfads run 2"
STATE, HISTORY, CONFIG = "state.safetensors", "history.csv", "config.json"


class RunDirectory:
    """Keeps a search in a folder.

    Parameters
    ----------
    folder : path
        Made if it is missing.
    run : str
        What the run is, as JSON: configuration, seed and fingerprint of the data. Only the same run can go on.

    Raises
    ------
    OutputError
        If the folder cannot be made, or holds files of the names of these without a run.
    """

    def __init__(self, folder: str | os.PathLike[str], run: str) -> None:
        self.folder, self.run = Path(folder), run
        make_folder(self.folder)
        strangers = [name for name in (HISTORY, CONFIG) if (self.folder / name).exists()]
        if strangers and not (self.folder / STATE).exists():
            raise OutputError(
                f"there is a {strangers[0]} in it already, which no run that could go on has made",
                way_out="Choose another folder",
                file=str(folder),
            )

    def save(self, engine: Engine, search: PopulationBasedTraining) -> None:
        """Replace what is kept by the state of now.

        Raises
        ------
        OutputError
            If it cannot be written; what was kept before is still there.
        """
        state = engine.state()
        columns = list(state.history[0]) if state.history else []
        rows = [[row[column] for column in columns] for row in state.history]
        counters = [state.epoch, state.steps_per_epoch, search.milestone, search.waited]
        tensors = {
            **state.members,
            "pairs": search.random.get_state(),
            "search": torch.tensor(counters, dtype=torch.float64),
            "history": torch.tensor(rows, dtype=torch.float64).reshape(len(rows), len(columns)),
        }
        metadata = {"format": FORMAT, "run": self.run, "columns": json.dumps(columns)}
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([columns, *rows])
        contiguous = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
        # The state first: a folder that has a table for people but no state is somebody else's.
        write_bytes(self.folder / STATE, safetensors.torch.save(contiguous, metadata=metadata))
        write_text(self.folder / HISTORY, text.getvalue())
        write_text(self.folder / CONFIG, self.run)

    def restore(self, engine: Engine, search: PopulationBasedTraining) -> bool:
        """Put a search back to where the folder's run was; give False when the folder holds none.

        Raises
        ------
        SourceError
            If the folder holds another run, or something that is not a run.
        """
        path = self.folder / STATE
        if not path.exists():
            return False
        metadata, tensors = self._read(path)
        if not self._is_this_run(metadata.get("run", "")):
            raise self._refuse("it holds a run with another configuration, seed or recording")
        try:
            columns = [RENAMED.get(name, name) for name in json.loads(metadata["columns"])]
            rows = [dict(zip(columns, row, strict=True)) for row in tensors["history"].tolist()]
            epoch, steps, milestone, waited = tensors["search"].tolist()
            history = [row | {"epoch": int(row["epoch"]), "member": int(row["member"])} for row in rows]
            search.random.set_state(tensors["pairs"])
            engine.load_state(EngineState(tensors, int(epoch), int(steps), history))
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise self._refuse(f"its state is not whole ({error})") from error
        search.milestone, search.waited = milestone, int(waited)
        if metadata["format"] == EARLIER_FORMAT:
            message = f"{self.folder}: an earlier version began this run: its random numbers end here, others follow"
            warnings.warn(message, NwbAutolfadsWarning, stacklevel=2)
        return True

    def _is_this_run(self, run: str) -> bool:
        try:
            return bool(with_names_of_today(json.loads(run)) == json.loads(self.run))
        except (ValueError, RecursionError):
            return False

    def _read(self, path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
        try:
            data = require_regular_file(path).read_bytes()
            header = int.from_bytes(data[:8], "little")
            if header > min(MAX_HEADER_BYTES, len(data)):
                raise ValueError("its header is longer than the file")
            metadata = json.loads(data[8 : 8 + header]).get("__metadata__") or {}
            if metadata.get("format") not in (FORMAT, EARLIER_FORMAT):
                raise ValueError(f"its format is {shown(metadata.get('format'))}")
            tensors = safetensors.torch.load(data)
            return metadata, {tensor_name_of_today(name): tensor for name, tensor in tensors.items()}
        except (OSError, SourceError, ValueError, AttributeError, RecursionError, SafetensorError) as error:
            raise self._refuse(f"{STATE} is not the state of a run ({error})") from error

    def _refuse(self, problem: str) -> SourceError:
        return SourceError(problem, file=str(self.folder), way_out="Choose another folder to start a new run.")


def fingerprint(data: Tensor) -> str:
    """Name a recording by its numbers, so that a run does not go on with another."""
    return hashlib.sha256(data.cpu().contiguous().numpy().tobytes()).hexdigest()
