"""Mocks of the types: small, valid, and named as in ``pynwb.testing.mock``.

A muscles table must be in the file beside the series that refer to it, so it is made first and given to them.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from hdmf.common import DynamicTableRegion, VectorData

from ndx_muscle_activation import (
    ActivationComparisonTable,
    ActivationEstimate,
    ActivationModel,
    ActivationSpreadSeries,
    DistributionParameterSeries,
    InferredInputSeries,
    InferredInputSpreadSeries,
    InitialConditionsTable,
    LatentFactorSeries,
    ModelSessionsTable,
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
    """Return a series with one column per muscle of the table, and what gives its values in volts."""
    in_units = {"channel_conversion": np.full(len(muscles), 1e-4), "channel_conversion_unit": "volts"}
    return MuscleActivationSeries(**{**_of_muscles(muscles), "description": "Activation.", **in_units, **arguments})


def mock_ActivationSpreadSeries(*, muscles: MusclesTable, **arguments: Any) -> ActivationSpreadSeries:  # noqa: N802
    """Return a standard deviation for each muscle of the table."""
    return ActivationSpreadSeries(**{**_of_muscles(muscles), "description": "Spread.", **arguments})


def mock_DistributionParameterSeries(*, muscles: MusclesTable, **arguments: Any) -> DistributionParameterSeries:  # noqa: N802
    """Return the concentration of a gamma distribution for each muscle of the table."""
    named = {"name": "concentration", "distribution": "gamma", "parameter": "concentration", "unit": "1"}
    return DistributionParameterSeries(**{**_of_muscles(muscles), "description": "Parameter.", **named, **arguments})


def _of_muscles(muscles: MusclesTable) -> dict[str, Any]:
    region = DynamicTableRegion(
        name="muscles", description="The muscle of each column.", data=np.arange(len(muscles)), table=muscles
    )
    values = np.random.default_rng(0).gamma(2.0, 0.5, (N_TIMES, len(muscles))).astype(np.float32)
    return {"data": values, "muscles": region, "rate": RATE, "starting_time": 0.0}


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


def mock_InferredInputSpreadSeries(**arguments: Any) -> InferredInputSpreadSeries:  # noqa: N802
    """Return the standard deviation of two inputs."""
    values = np.random.default_rng(5).uniform(size=(N_TIMES, 2)).astype(np.float32)
    defaults = {"data": values, "rate": RATE, "starting_time": 0.0, "description": "Spread of the inputs."}
    return InferredInputSpreadSeries(**{**defaults, **arguments})


def mock_InitialConditionsTable(*, name: str = "initial_conditions") -> InitialConditionsTable:  # noqa: N802
    """Return the start of two windows."""
    state = np.random.default_rng(3).normal(size=(2, 4)).astype(np.float32)
    columns = [
        VectorData(name="window_start", description="Start (s).", data=np.array([0.0, 0.1])),
        VectorData(name="initial_condition", description="State.", data=state),
    ]
    return InitialConditionsTable(name=name, description="Initial conditions.", columns=columns)


def mock_ModelSessionsTable(*, name: str = "sessions") -> ModelSessionsTable:  # noqa: N802
    """Return two sessions, of which the second has one muscle less."""
    table = ModelSessionsTable(name=name, description="What the model was trained on.")
    table.add_row(session="monday", muscles=["TA", "SOL"], sampling_rate=RATE, source_identifier="a-session")
    table.add_row(session="tuesday", muscles=["TA"], sampling_rate=RATE, source_identifier="another-session")
    return table


def mock_ActivationModel(*, name: str = "model", **arguments: Any) -> ActivationModel:  # noqa: N802
    """Return a model with weights, of two sessions."""
    weights = np.arange(50, dtype=np.uint8)
    defaults: dict[str, Any] = {
        "model_id": "a-model",
        "format": "safetensors",
        "sha256": hashlib.sha256(weights.tobytes()).hexdigest(),
        "software": "a program",
        "configuration": "{}",
        "weights": weights,
    }
    if "sessions" not in arguments:
        defaults["sessions"] = mock_ModelSessionsTable()
    return ActivationModel(name=name, **{**defaults, **arguments})


def mock_ActivationEstimate(*, muscles: MusclesTable, name: str = "Estimate", **arguments: Any) -> ActivationEstimate:  # noqa: N802
    """Return an estimate with all of its series and its model; what is given takes the place of the defaults."""
    defaults: dict[str, Any] = {
        "estimator": "Estimate",
        "activation": mock_MuscleActivationSeries(muscles=muscles),
        "activation_std": mock_ActivationSpreadSeries(muscles=muscles),
        "concentration": mock_DistributionParameterSeries(muscles=muscles),
        "rate_parameter": mock_DistributionParameterSeries(muscles=muscles, name="rate_parameter", parameter="rate"),
        "factors": mock_LatentFactorSeries(),
        "inputs": mock_InferredInputSeries(),
        "inputs_std": mock_InferredInputSpreadSeries(),
        "initial_conditions": mock_InitialConditionsTable(),
        "model": mock_ActivationModel(),
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
