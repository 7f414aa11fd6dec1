"""Series that somebody measured, shipped with their sources."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from nodeviz.problems.series import Series
from nodeviz.problems.series_csv import read_series_steps
from nodeviz.resources_path import resource_path

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class RealSeries:
    """A series of one channel in a file.

    Attributes
    ----------
    name, title : as typed and as read
    unit : of the values
    note : what it is and who measured it, in sentences
    """

    name: str
    title: str
    unit: str
    note: str

    @property
    def path(self) -> Path:
        """The file, with its source in its first lines."""
        return resource_path("data", f"{self.name}.csv")

    def read_steps(self) -> Generator[None, None, Series]:
        """Read the series, yielding every few milliseconds."""
        found = yield from read_series_steps(self.path)
        (series,) = found.series
        return Series(series.t, series.y, series.names, unit="date", note=self.note)  # all are of years

    def read(self) -> Series:
        """Read the series at once."""
        reading = self.read_steps()
        while True:
            try:
                next(reading)
            except StopIteration as done:
                series: Series = done.value
                return series


_ALL = (
    RealSeries(
        name="co2",
        title="CO2 at Mauna Loa",
        unit="ppm",
        note="CO2 in the air at Mauna Loa, weekly from 1958 to 2001, with gaps of up to 18 weeks "
        "(Keeling and Whorf 2004, Carbon Dioxide Information Analysis Center).",
    ),
    RealSeries(
        name="sunspots",
        title="Sunspots",
        unit="",
        note="Mean number of sunspots in each year from 1700 to 2008 (National Geophysical Data Center, NOAA).",
    ),
    RealSeries(
        name="nile",
        title="Nile at Aswan",
        unit="10^8 m^3",
        note="Water that the Nile brought to Aswan in each year from 1871 to 1970; less since 1899 (Cobb 1978).",
    ),
)

REAL: Mapping[str, RealSeries] = MappingProxyType({real.name: real for real in _ALL})
