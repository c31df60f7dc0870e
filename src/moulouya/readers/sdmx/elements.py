"""The elements of SDMX-ML data messages, turned into observations as they pass by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.handler import ContentHandler

from moulouya.errors import ReadError

MEASURE = "OBS_VALUE"
TIME = "TIME_PERIOD"
ALL = "AllDimensions"
NAMESPACE = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message"
NAMESPACE_3 = "http://www.sdmx.org/resources/sdmxml/schemas/v3_0/message"
GENERIC = frozenset({(NAMESPACE, "GenericData"), (NAMESPACE, "GenericTimeSeriesData")})
SPECIFIC = frozenset(
    {(NAMESPACE, "StructureSpecificData"), (NAMESPACE, "StructureSpecificTimeSeriesData"),
     (NAMESPACE_3, "StructureSpecificData")}
)  # fmt: skip
# Attributes of a structure-specific DataSet element that are no data; the standard has them in
# a namespace, some services leave that away.
OF_THE_SET = frozenset(
    {"action", "dataScope", "setID", "structureRef", "validFromDate", "validToDate",
     "reportingBeginDate", "reportingEndDate", "publicationYear", "publicationPeriod"}
)  # fmt: skip
CUT_SHORT = frozenset({"130", "413", "510"})  # too large, by the caller's or the service's limit
Texts = dict[str, str]


@dataclass
class Group:
    """Attributes of all series (or observations) that share some values."""

    key: Texts | None
    attributes: Texts


@dataclass
class DataSet:
    """What one data set says of all its observations, and on what its groups hang."""

    number: int
    axis: str | None  # the dimension that tells its observations apart; None: all of them do
    values: Texts
    groups: list[Group] = field(default_factory=list)
    started: bool = False


@dataclass
class Observation:
    """One observation, and what it has from its series and data set."""

    line: int
    dataset: DataSet
    series: Texts
    own: Texts


class Message(ContentHandler):
    """Turns the elements of a data message into observations."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.line: Callable[[], int | None] = lambda: None
        self.ready: list[Observation] = []
        self.generic = False
        self.depth = 0
        self.skipped_below: int | None = None
        self.axes: dict[str, str] = {}  # structure → dimension at the observation
        self.explicit: set[str] = set()  # those dimensions that the type of an Obs tells
        self.datasets = 0
        self.dataset: DataSet | None = None
        self.group: Group | None = None
        self.series: Texts | None = None
        self.series_started = False
        self.observation: Observation | None = None
        self.target: Texts | None = None
        self.status = ""
        self.said: list[str] = []

    def taken(self) -> list[Observation]:
        """What is ready since the last time."""
        ready, self.ready = self.ready, []
        return ready

    def finish(self) -> None:
        """Refuse a message whose footer says that the service broke it off."""
        if self.status:
            said = " ".join(" ".join(self.said).split())
            raise ReadError(f"{self.path.name} is not all of the data: {said or self.status}")

    def startElement(self, name: str, attrs: Any) -> None:
        self.depth += 1
        if self.skipped_below is not None:
            return
        local = name.rpartition(":")[2]
        if self.depth == 1:
            self._root(name, local, attrs)
        elif self.dataset is None:
            self._outside(local, attrs)
        elif local == "Annotations":
            self.skipped_below = self.depth
        elif self.generic:
            self._generic(local, attrs)
        else:
            self._specific(local, attrs)

    def endElement(self, name: str) -> None:
        if self.skipped_below is not None:
            if self.skipped_below == self.depth:
                self.skipped_below = None
            self.depth -= 1
            return
        self.depth -= 1
        local = name.rpartition(":")[2]
        if local == "Obs" and self.observation is not None:
            self.ready.append(self.observation)
            self.observation = None
        elif local == "Series":
            self.series, self.series_started = None, False
        elif local == "Group":
            self.group = None
        elif local == "DataSet":
            self.dataset = None

    def characters(self, content: str) -> None:
        if self.status:
            self.said.append(content)

    def _root(self, name: str, local: str, attrs: Any) -> None:
        prefix = name.rpartition(":")[0]
        namespace = attrs.get(f"xmlns:{prefix}" if prefix else "xmlns", "")
        if (namespace, local) not in GENERIC | SPECIFIC:
            raise ReadError(
                f"{self.path.name} is no SDMX-ML 2.1 data message but {name} ({namespace or '?'})",
                hint="set source.accept to a media type of data, such as "
                "application/vnd.sdmx.structurespecificdata+xml;version=2.1",
            )
        self.generic = (namespace, local) in GENERIC

    def _outside(self, local: str, attrs: Any) -> None:
        """Elements around the data: what its sets look like, and in the end what went wrong."""
        if local == "Structure" and "structureID" in attrs:
            axis = attrs.get("dimensionAtObservation", TIME)
            self.axes[attrs["structureID"]] = axis
            if attrs.get("explicitMeasure") in ("true", "1"):
                self.explicit.add(axis)
        elif local == "DataSet":
            self._start_set(attrs)
        elif local == "Message" and (
            attrs.get("severity") == "Error" or attrs.get("code") in CUT_SHORT
        ):
            self.status = f"its footer has the code {attrs.get('code')}"

    def _start_set(self, attrs: Any) -> None:
        own = {key.rpartition(":")[2]: text for key, text in attrs.items()}
        if own.get("action") == "Delete":
            raise ReadError(
                f"{self.path.name} says which observations to delete",
                hint="ask for all of the data, without updatedAfter",
            )
        self.datasets += 1
        values = {} if self.generic else self._data(attrs, but=OF_THE_SET)
        axis = self._axis(own.get("structureRef", ""))
        self.dataset = DataSet(self.datasets, None if axis == ALL else axis, values)

    def _axis(self, structure: str) -> str:
        """The dimension at the observation, which the header says for each structure."""
        if structure in self.axes:
            return self.axes[structure]
        if len(self.axes) > 1:
            raise ReadError(
                f"{self.path.name} has a data set of the structure {structure!r}, which its "
                "header does not have"
            )
        return next(iter(self.axes.values()), TIME)

    def _data(self, attrs: Any, but: frozenset[str] = frozenset()) -> Texts:
        return {key: text for key, text in attrs.items() if ":" not in key and key not in but
                and key != "xmlns"}  # fmt: skip

    def _start_observation(self, own: Texts) -> None:
        assert self.dataset is not None, "asked for inside a data set only"
        self.dataset.started = True
        self.series_started = self.series is not None
        series = self.dataset.values if self.series is None else self.series
        self.observation = Observation(self.line() or 0, self.dataset, series, own)

    def _start_group(self, key: Texts | None, attributes: Texts) -> None:
        assert self.dataset is not None, "asked for inside a data set only"
        if self.dataset.started:
            raise self._unexpected("Group")
        self.group = Group(key, attributes)
        self.dataset.groups.append(self.group)

    def _specific(self, local: str, attrs: Any) -> None:
        """Structure-specific data: every value is an XML attribute named by its component."""
        if self.observation is not None:
            raise self._unexpected(local)
        values = self._data(attrs)
        if local == "Series":
            self.series = values
        elif local == "Group":
            self._start_group(None, values)
        elif local == "Obs":
            self._start_observation(values)
            assert self.dataset is not None, "an observation is in a data set"
            axis = self.dataset.axis
            if axis in self.explicit and axis not in values and "xsi:type" in attrs:
                values[axis] = attrs["xsi:type"].rpartition(":")[2]
        elif local != "DataProvider":
            raise self._unexpected(local)

    def _generic(self, local: str, attrs: Any) -> None:
        """Generic data: values are elements with the id of their component."""
        assert self.dataset is not None, "asked for inside a data set only"
        own = None if self.observation is None else self.observation.own
        if local == "Value" and self.target is not None:
            self._set(self.target, self._of(attrs, "id"), attrs)
        elif local == "Obs":
            self._start_observation({})
        elif local == "ObsDimension" and own is not None:
            self._set(own, attrs.get("id", self.dataset.axis), attrs)
        elif local == "ObsValue" and own is not None:
            self._set(own, MEASURE, attrs)
        elif local == "ObsKey":
            self.target = own
        elif local == "Series":
            self.series = {}
        elif local == "SeriesKey":
            self.target = self.series
        elif local == "Group":
            self._start_group({}, {})
        elif local == "GroupKey" and self.group is not None:
            self.target = self.group.key
        elif local == "Attributes":
            self.target = self._attributes(own)
        elif local != "DataProvider":
            raise self._unexpected(local)

    def _attributes(self, own: Texts | None) -> Texts:
        """Where the attributes go that follow: to the innermost element around them."""
        assert self.dataset is not None, "asked for inside a data set only"
        if own is not None:
            return own
        if self.series is not None and not self.series_started:
            return self.series
        if self.group is not None:
            return self.group.attributes
        if self.dataset.started:
            raise self._unexpected("Attributes")
        return self.dataset.values

    def _set(self, target: Texts, name: str, attrs: Any) -> None:
        value = self._of(attrs, "value")
        if target.setdefault(name, value) != value:
            raise ReadError(
                f"{self.path.name} line {self.line()}: there are two values of {name}: "
                f"{target[name]} and {value}"
            )

    def _of(self, attrs: Any, key: str) -> str:
        try:
            return str(attrs[key])
        except KeyError as error:
            raise ReadError(
                f"{self.path.name} line {self.line()}: a value has no {key!r}"
            ) from error

    def _unexpected(self, local: str) -> ReadError:
        return ReadError(
            f"{self.path.name} line {self.line()}: {local} is not known there in SDMX-ML data",
            hint="ask for SDMX-CSV or SDMX-JSON: set source.accept",
        )
