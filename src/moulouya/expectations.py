"""What a file under ``expectations/<theme>/<slug>.yml`` may say: a suite in GX's own form."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field, field_validator

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
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_be_in_type_list",
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


class Meta(Model):
    """What we keep beside an expectation."""

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


class Expectation(Model):
    """One expectation as Great Expectations serialises it."""

    type: str = Field(description="snake-case name in Great Expectations")
    kwargs: dict[str, Any] = Field(default={}, description="its arguments")
    severity: Literal["critical", "warning", "info"] = Field(
        "critical",
        description="critical blocks the publication, warning is published beside it",
    )
    notes: str | None = None
    meta: Meta = Field(default_factory=Meta)

    def other_tables(self, known: Iterable[str]) -> list[str]:
        """The datasets that its arguments name, and those of the known ones in its query."""
        named = [self.kwargs.get(argument) for argument in TABLE_ARGUMENTS]
        query = str(self.kwargs.get(QUERY_ARGUMENT, ""))
        asked = [slug for slug in known if re.search(rf"\b{slug}\b", query)]
        return [*(slug for slug in named if isinstance(slug, str)), *asked]

    @field_validator("type")
    @classmethod
    def _known_type(cls, value: str) -> str:
        if value not in EXPECTATION_TYPES:
            raise ValueError(
                f"unknown expectation {value!r}{did_you_mean(value, EXPECTATION_TYPES)}"
            )
        return value


class ExpectationSuiteFile(Model):
    """A whole expectations file."""

    name: str | None = Field(None, description="default: the dataset's slug")
    expectations: list[Expectation] = Field(min_length=1)
