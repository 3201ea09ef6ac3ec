"""Mocks of the types: small, valid, and named as in ``pynwb.testing.mock``.

A muscles table must be in the file beside the series that refer to it, so it is made first and given to them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hdmf.common import DynamicTableRegion, VectorData

from ndx_muscle_activation import (
    ActivationComparisonTable,
    ActivationEstimate,
    InferredInputSeries,
    InitialConditionsTable,
    LatentFactorSeries,
    MuscleActivationSeries,
    MusclesTable,
)

RATE = 500.0
N_TIMES = 100


def mock_MusclesTable(*, name: str = "muscles", muscle_names: tuple[str, ...] = ("TA", "SOL")) -> MusclesTable:  # noqa: N802
    """Return a table of muscles with names, unit and scale."""
    columns = [
        VectorData(name="muscle_name", description="Name of the muscle.", data=list(muscle_names)),
        VectorData(name="unit", description="Unit of the recording.", data=["volts"] * len(muscle_names)),
        VectorData(name="scale", description="Divisor.", data=np.full(len(muscle_names), 1e-4)),
    ]
    return MusclesTable(name=name, description="Muscles.", columns=columns)


def mock_MuscleActivationSeries(*, muscles: MusclesTable, **arguments: Any) -> MuscleActivationSeries:  # noqa: N802
    """Return a series with one column per muscle of the table."""
    region = DynamicTableRegion(
        name="muscles", description="The muscle of each column.", data=np.arange(len(muscles)), table=muscles
    )
    values = np.random.default_rng(0).gamma(2.0, 0.5, (N_TIMES, len(muscles))).astype(np.float32)
    defaults = {"data": values, "rate": RATE, "starting_time": 0.0, "description": "Activation."}
    return MuscleActivationSeries(muscles=region, **{**defaults, **arguments})


def mock_LatentFactorSeries(**arguments: Any) -> LatentFactorSeries:  # noqa: N802
    """Return three factors."""
    values = np.random.default_rng(1).normal(size=(N_TIMES, 3)).astype(np.float32)
    defaults = {"data": values, "rate": RATE, "starting_time": 0.0, "description": "Factors."}
    return LatentFactorSeries(**{**defaults, **arguments})


def mock_InferredInputSeries(**arguments: Any) -> InferredInputSeries:  # noqa: N802
    """Return two inputs."""
    values = np.random.default_rng(2).normal(size=(N_TIMES, 2)).astype(np.float32)
    defaults = {"data": values, "rate": RATE, "starting_time": 0.0, "description": "Inputs."}
    return InferredInputSeries(**{**defaults, **arguments})


def mock_InitialConditionsTable(*, name: str = "initial_conditions") -> InitialConditionsTable:  # noqa: N802
    """Return the start of two windows."""
    state = np.random.default_rng(3).normal(size=(2, 4)).astype(np.float32)
    columns = [
        VectorData(name="window_start", description="Start (s).", data=np.array([0.0, 0.1])),
        VectorData(name="initial_condition", description="State.", data=state),
    ]
    return InitialConditionsTable(name=name, description="Initial conditions.", columns=columns)


def mock_ActivationEstimate(*, muscles: MusclesTable, name: str = "Estimate", **arguments: Any) -> ActivationEstimate:  # noqa: N802
    """Return an estimate with all of its series; what is given takes the place of the defaults."""
    defaults: dict[str, Any] = {
        "estimator": "Estimate",
        "activation": mock_MuscleActivationSeries(muscles=muscles),
        "activation_std": mock_MuscleActivationSeries(
            muscles=muscles, name="activation_std", statistic="standard deviation"
        ),
        "factors": mock_LatentFactorSeries(),
        "inputs": mock_InferredInputSeries(),
        "initial_conditions": mock_InitialConditionsTable(),
        "software": "a program",
        "software_version": "1.0",
        "configuration": "{}",
        "seed": 0,
        "sampling_rate": RATE,
        "source_file": "session.nwb",
        "source_identifier": "a-session",
        "source_object_path": "acquisition/EMG",
        "source_object_id": "an-object",
    }
    return ActivationEstimate(name=name, **{**defaults, **arguments})


def mock_ActivationComparisonTable(*, name: str = "comparison", **arguments: Any) -> ActivationComparisonTable:  # noqa: N802
    """Return one score of two estimators, of two muscles each, in two folds; what is given takes the place of it."""
    rows = [(estimator, muscle, fold) for estimator in ("A", "B") for muscle in ("TA", "SOL") for fold in (0, 1)]
    values: dict[str, Any] = {
        "estimator": [row[0] for row in rows],
        "score_name": ["r2"] * len(rows),
        "score": np.random.default_rng(4).uniform(size=len(rows)),
        "muscle": [row[1] for row in rows],
        "fold": np.array([row[2] for row in rows]),
    }
    columns = [VectorData(name=key, description=f"{key}.", data=data) for key, data in values.items()]
    defaults = {"description": "Scores.", "columns": columns, "software": "a program", "configuration": "{}"}
    return ActivationComparisonTable(name=name, **{**defaults, **arguments})
