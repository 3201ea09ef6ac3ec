"""Mocks of the types, for the tests of programs that use them."""

from ndx_muscle_activation.testing.mock import (
    mock_ActivationComparisonTable,
    mock_ActivationEstimate,
    mock_InferredInputSeries,
    mock_InitialConditionsTable,
    mock_LatentFactorSeries,
    mock_MuscleActivationSeries,
    mock_MusclesTable,
)

__all__ = [
    "mock_ActivationComparisonTable",
    "mock_ActivationEstimate",
    "mock_InferredInputSeries",
    "mock_InitialConditionsTable",
    "mock_LatentFactorSeries",
    "mock_MuscleActivationSeries",
    "mock_MusclesTable",
]
