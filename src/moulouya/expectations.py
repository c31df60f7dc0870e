"""What a file under ``expectations/<theme>/<slug>.yml`` may say: a suite in GX's own form."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from moulouya.errors import did_you_mean
from moulouya.region import Model, Text

# HCP writes region.province.cercle.commune; the parts have 2, 3, 2 and 1 or 2 digits.
PLACE_CODES = {
    "region": "[0-9]{2}",
    "province": "[0-9]{2}[.][0-9]{3}",
    "cercle": "[0-9]{2}[.][0-9]{3}[.][0-9]{2}",
    "commune": "[0-9]{2}[.][0-9]{3}[.][0-9]{2}[.][0-9]{1,2}",
}
# The arguments that name columns of the dataset (one, or several of them), another dataset, and
# columns of that other dataset.
COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "order_by")
COLUMNS_ARGUMENTS = ("column_list", "column_set", "group_by")
TABLE_ARGUMENTS = ("other_table", "other_table_name")
OTHER_COLUMN_ARGUMENTS = ("other_column",)
OTHER_COLUMNS_ARGUMENTS = ("other_group_by",)
QUERY_ARGUMENT = "unexpected_rows_query"
# Great Expectations is too slow to import when files are checked; a test holds this list
# against its registry.
EXPECTATION_TYPES: frozenset[str] = frozenset(
    {
        "expect_column_distinct_values_to_be_in_set",
        "expect_column_distinct_values_to_contain_set",
        "expect_column_distinct_values_to_equal_set",
        "expect_column_kl_divergence_to_be_less_than",
        "expect_column_max_to_be_between",
        "expect_column_mean_to_be_between",
        "expect_column_median_to_be_between",
        "expect_column_min_to_be_between",
        "expect_column_most_common_value_to_be_in_set",
        "expect_column_pair_values_a_to_be_greater_than_b",
        "expect_column_pair_values_to_be_equal",
        "expect_column_pair_values_to_be_inside_box",
        "expect_column_pair_values_to_be_in_set",
        "expect_column_proportion_of_non_null_values_to_be_between",
        "expect_column_proportion_of_unique_values_to_be_between",
        "expect_column_quantile_values_to_be_between",
        "expect_column_stdev_to_be_between",
        "expect_column_sum_to_be_between",
        "expect_column_sums_to_match_other_table",
        "expect_column_to_exist",
        "expect_column_type_to_be",
        "expect_column_unique_value_count_to_be_between",
        "expect_column_value_lengths_to_be_between",
        "expect_column_value_lengths_to_equal",
        "expect_column_value_z_scores_to_be_less_than",
        "expect_column_values_to_be_between",
        "expect_column_values_to_be_decreasing",
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_be_in_type_list",
        "expect_column_values_to_be_increasing",
        "expect_column_values_to_be_inside_box",
        "expect_column_values_to_be_json_parseable",
        "expect_column_values_to_be_monotone",
        "expect_column_values_to_be_null",
        "expect_column_values_to_be_of_type",
        "expect_column_values_to_be_place_codes",
        "expect_column_values_to_be_unique",
        "expect_column_values_to_contain_arabic",
        "expect_column_values_to_have_no_gap_in_time",
        "expect_column_values_to_match_like_pattern",
        "expect_column_values_to_match_like_pattern_list",
        "expect_column_values_to_match_regex",
        "expect_column_values_to_match_regex_list",
        "expect_column_values_to_match_strftime_format",
        "expect_column_values_to_not_be_in_set",
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_not_be_outliers",
        "expect_column_values_to_not_match_like_pattern",
        "expect_column_values_to_not_match_like_pattern_list",
        "expect_column_values_to_not_match_regex",
        "expect_column_values_to_not_match_regex_list",
        "expect_compound_columns_to_be_unique",
        "expect_multicolumn_sum_to_equal",
        "expect_multicolumn_values_to_be_equal",
        "expect_select_column_values_to_be_unique_within_record",
        "expect_table_column_count_to_be_between",
        "expect_table_column_count_to_equal",
        "expect_table_columns_to_match_ordered_list",
        "expect_table_columns_to_match_set",
        "expect_table_row_count_to_be_between",
        "expect_table_row_count_to_equal",
        "expect_table_row_count_to_equal_other_table",
        "unexpected_rows_expectation",
    }
)

# What Great Expectations has and DuckDB cannot compute, and what to write in its place.
NOT_COMPUTED = {
    "expect_column_values_to_be_dateutil_parseable": (
        "it knows no guessing of dates",
        "name the format: expect_column_values_to_match_strftime_format",
    ),
    "expect_column_values_to_match_json_schema": (
        "it knows no JSON Schema",
        "expect_column_values_to_be_json_parseable, or a query: unexpected_rows_expectation",
    ),
    "expect_query_results_to_match_comparison": (
        "it needs a second data source",
        "compare with another dataset in a query: unexpected_rows_expectation",
    ),
    "expect_multicolumn_values_to_be_unique": (
        "Great Expectations gave it up",
        "expect_compound_columns_to_be_unique",
    ),
}
# Arguments of a run, which is ours, or of GX's cloud: they change nothing of what must hold.
_OF_A_RUN = ("batch_id", "catch_exceptions", "result_format", "windows")
# GX also reads these from among the arguments.
_BESIDE = ("description", "id", "meta", "notes", "rendered_content", "severity")
_PARAMETER = "$PARAMETER"


class Meta(BaseModel):
    """What we keep beside an expectation; suites from elsewhere keep other things there."""

    model_config = ConfigDict(extra="allow", frozen=True, str_strip_whitespace=True)

    moment: Literal["incoming", "outgoing"] = Field(
        "outgoing", description="before the transform, on the staged table, or after it"
    )
    title: Text | None = Field(
        None, description="what is checked, for readers of the dataset's page"
    )
    reason: str | Text | None = Field(
        None,
        description="why, or why a tolerance (`mostly`) is right; a text, or one in each language",
    )

    @model_validator(mode="after")
    def _no_slip(self) -> Meta:
        for name in self.model_extra or {}:
            if meant := did_you_mean(name, type(self).model_fields):
                raise ValueError(f"unknown key {name!r}{meant}")
        return self


class Expectation(Model):
    """One expectation as Great Expectations serialises it."""

    type: str = Field(description="snake-case name in Great Expectations")
    kwargs: dict[str, Any] = Field(default={}, description="its arguments")
    severity: Literal["critical", "warning", "info"] = Field(
        "critical",
        description="critical blocks the publication, warning is published beside it",
    )
    notes: str | None = Field(None, description="a text, or a list of texts")
    meta: Meta = Field(default_factory=Meta)
    description: str | None = Field(None, description="a sentence in place of GX's own")
    id: str | None = Field(None, description="GX's own; not used")
    rendered_content: Any = Field(None, description="GX's own; not used")
    expectation_context: Any = Field(None, description="GX's own; not used")
    success_on_last_run: bool | None = Field(None, description="GX's own; not used")

    @model_validator(mode="after")
    def _condition_heeded(self) -> Expectation:
        if self.type == "expect_column_pair_values_to_be_in_set" and "row_condition" in self.kwargs:
            raise ValueError(
                f"Great Expectations ignores the row_condition of {self.type}; "
                "in its place: unexpected_rows_expectation"
            )
        return self

    def other_tables(self, known: Iterable[str]) -> list[str]:
        """The datasets that its arguments name, and those of the known ones in its query."""
        named = [self.kwargs.get(argument) for argument in TABLE_ARGUMENTS]
        query = str(self.kwargs.get(QUERY_ARGUMENT, ""))
        asked = [slug for slug in known if re.search(rf"\b{slug}\b", query)]
        return [*(slug for slug in named if isinstance(slug, str)), *asked]

    @model_validator(mode="before")
    @classmethod
    def _serialised(cls, value: Any) -> Any:
        """GX writes what is not given as null, and takes some keys among the arguments as well."""
        if not isinstance(value, dict):
            return value
        kept = {key: found for key, found in value.items() if found is not None}
        kwargs = kept.get("kwargs")
        if not isinstance(kwargs, dict):
            return kept
        for key in _BESIDE:
            if kwargs.get(key) is not None:
                kept.setdefault(key, kwargs[key])
        left_out = {*_OF_A_RUN, *_BESIDE}
        kept["kwargs"] = {key: found for key, found in kwargs.items() if key not in left_out}
        if isinstance(kept.get("notes"), list):
            kept["notes"] = "\n".join(map(str, kept["notes"]))
        return kept

    @field_validator("type")
    @classmethod
    def _known_type(cls, value: str) -> str:
        if value in NOT_COMPUTED:
            why, instead = NOT_COMPUTED[value]
            raise ValueError(f"DuckDB cannot compute {value}: {why}; in its place: {instead}")
        if value not in EXPECTATION_TYPES:
            raise ValueError(
                f"unknown expectation {value!r}{did_you_mean(value, EXPECTATION_TYPES)}"
            )
        return value

    @field_validator("kwargs")
    @classmethod
    def _no_parameter_left(cls, value: dict[str, Any]) -> dict[str, Any]:
        for argument, found in value.items():
            if isinstance(found, dict) and _PARAMETER in found:
                name = found[_PARAMETER]
                raise ValueError(f"{argument}: the suite_parameters of this file have no {name!r}")
        return value


class ExpectationSuiteFile(Model):
    """A whole expectations file."""

    name: str | None = Field(None, description="default: the dataset's slug")
    expectations: list[Expectation] = Field(min_length=1)
    suite_parameters: dict[str, Any] = Field(
        default={}, description='values for arguments that say {"$PARAMETER": "name"}'
    )
    id: str | None = Field(None, description="GX's own; not used")
    meta: dict[str, Any] = Field(default={}, description="GX's own; not used")
    notes: Any = Field(None, description="GX's own; not used")

    @model_validator(mode="before")
    @classmethod
    def _with_parameters(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        kept = {key: found for key, found in value.items() if found is not None}
        given = kept.get("suite_parameters")
        if isinstance(given, dict) and isinstance(kept.get("expectations"), list):
            kept["expectations"] = [_filled(one, given) for one in kept["expectations"]]
        return kept


def _filled(expectation: Any, given: dict[str, Any]) -> Any:
    kwargs = expectation.get("kwargs") if isinstance(expectation, dict) else None
    if not isinstance(kwargs, dict):
        return expectation
    filled = {
        argument: given.get(found[_PARAMETER], found)
        if isinstance(found, dict) and isinstance(found.get(_PARAMETER), str)
        else found
        for argument, found in kwargs.items()
    }
    return {**expectation, "kwargs": filled}
