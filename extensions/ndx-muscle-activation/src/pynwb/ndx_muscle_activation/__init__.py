"""NWB types for muscle activation estimated from electromyograms (EMG)."""

from pathlib import Path

from pynwb import load_namespaces

_HERE = Path(__file__).parent
_SPEC = _HERE / "spec" / "ndx-muscle-activation.namespace.yaml"
if not _SPEC.exists():  # an editable install has no copy of the spec inside the package
    _SPEC = _HERE.parents[2] / "spec" / "ndx-muscle-activation.namespace.yaml"
load_namespaces(str(_SPEC))

# The classes look their specification up while they are defined, so the namespace comes first.
from ndx_muscle_activation import maps  # noqa: E402, F401  registers what reads and writes the classes
from ndx_muscle_activation.estimate import ActivationEstimate  # noqa: E402
from ndx_muscle_activation.model import ActivationModel, ModelSessionsTable  # noqa: E402
from ndx_muscle_activation.series import (  # noqa: E402
    ActivationSpreadSeries,
    DistributionParameterSeries,
    InferredInputSeries,
    InferredInputSpreadSeries,
    LatentFactorSeries,
    MuscleActivationSeries,
    MuscleSeries,
)
from ndx_muscle_activation.tables import (  # noqa: E402
    ActivationComparisonTable,
    InitialConditionsTable,
    MusclesTable,
)

__all__ = [
    "ActivationComparisonTable",
    "ActivationEstimate",
    "ActivationModel",
    "ActivationSpreadSeries",
    "DistributionParameterSeries",
    "InferredInputSeries",
    "InferredInputSpreadSeries",
    "InitialConditionsTable",
    "LatentFactorSeries",
    "ModelSessionsTable",
    "MuscleActivationSeries",
    "MuscleSeries",
    "MusclesTable",
]
