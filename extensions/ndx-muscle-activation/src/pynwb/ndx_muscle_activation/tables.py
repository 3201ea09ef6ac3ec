"""The tables: which muscles were recorded, and the states from which a model starts."""

from hdmf.common import DynamicTable
from pynwb import register_class

NAMESPACE = "ndx-muscle-activation"


@register_class("MusclesTable", NAMESPACE)
class MusclesTable(DynamicTable):
    """The muscles that were recorded, one row each; only ``muscle_name`` is required.

    Figures of signal quality, or anything else that is known per muscle, can be added as further columns.
    """

    __columns__ = (
        {"name": "muscle_name", "description": "Short name of the muscle.", "required": True},
        {"name": "full_name", "description": "Anatomical name of the muscle."},
        {"name": "side", "description": "Side of the body: 'left', 'right', or '' where it is not known."},
        {"name": "source_channel", "description": "Channel of the recording in which the muscle was found."},
        {"name": "electrodes", "description": "The electrode over or in the muscle.", "table": True},
        {"name": "unit", "description": "Unit of the recording, in which the scale is given."},
        {"name": "scale", "description": "Activation multiplied by this number is in the unit of the recording."},
        {"name": "usable", "description": "Whether the recording of the muscle passed quality control."},
    )


@register_class("InitialConditionsTable", NAMESPACE)
class InitialConditionsTable(DynamicTable):
    """The state from which a dynamical model starts in each window of a recording, one row per window."""

    __columns__ = (
        {"name": "window_start", "description": "Start of the window (s).", "required": True},
        {"name": "initial_condition", "description": "State at the start of the window.", "required": True},
    )
