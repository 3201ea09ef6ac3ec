"""Which part of a file is which part of an object, where the names alone do not say it."""

from __future__ import annotations

from typing import Any

from hdmf.build import BuildManager, GroupBuilder
from pynwb import TimeSeries, register_map
from pynwb.io.base import TimeSeriesMap
from pynwb.io.core import NWBContainerMapper

from ndx_muscle_activation.estimate import SERIES, ActivationEstimate
from ndx_muscle_activation.series import MuscleSeries


@register_map(MuscleSeries)
class MuscleSeriesMap(TimeSeriesMap):
    """The unit beside the factors of a series is an argument of it."""

    def __init__(self, spec: Any) -> None:
        super().__init__(spec)
        factors = self.spec.get_dataset("channel_conversion")
        self.map_spec("channel_conversion_unit", factors.get_attribute("unit"))


@register_map(ActivationEstimate)
class ActivationEstimateMap(NWBContainerMapper):
    """Series under names that the type does not know are `more_series`; all others have arguments of their own."""

    def __init__(self, spec: Any) -> None:
        super().__init__(spec)
        self.map_spec("more_series", next(each for each in self.spec.groups if each.name is None))

    @NWBContainerMapper.constructor_arg("more_series")
    def _more_series(self, builder: GroupBuilder, manager: BuildManager) -> list[TimeSeries]:
        others = [group for name, group in builder.groups.items() if name not in SERIES]
        return [manager.construct(group) for group in others if _is_series(group, manager)]


def _is_series(group: GroupBuilder, manager: BuildManager) -> bool:
    kind, namespace = manager.get_builder_dt(group), manager.get_builder_ns(group)
    if kind is None or namespace is None:
        return False
    return "TimeSeries" in manager.namespace_catalog.get_hierarchy(namespace, kind)
