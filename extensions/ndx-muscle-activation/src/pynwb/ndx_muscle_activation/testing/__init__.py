"""Mocks of the types, for the tests of programs that use them."""

from ndx_muscle_activation.testing.mock import (
    mock_ActivationComparisonTable,
    mock_ActivationEstimate,
    mock_ActivationModel,
    mock_ActivationSpreadSeries,
    mock_DistributionParameterSeries,
    mock_InferredInputSeries,
    mock_InferredInputSpreadSeries,
    mock_InitialConditionsTable,
    mock_LatentFactorSeries,
    mock_ModelSessionsTable,
    mock_MuscleActivationSeries,
    mock_MusclesTable,
)

__all__ = [
    "mock_ActivationComparisonTable",
    "mock_ActivationEstimate",
    "mock_ActivationModel",
    "mock_ActivationSpreadSeries",
    "mock_DistributionParameterSeries",
    "mock_InferredInputSeries",
    "mock_InferredInputSpreadSeries",
    "mock_InitialConditionsTable",
    "mock_LatentFactorSeries",
    "mock_ModelSessionsTable",
    "mock_MuscleActivationSeries",
    "mock_MusclesTable",
]
