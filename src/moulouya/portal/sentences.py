"""Rules and checks said in plain words: what a column promises, and what was looked at."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from moulouya.portal.languages import N_, Language
from moulouya.portal.published import Record

COLUMN_TYPES = {
    "text": N_("text"),
    "integer": N_("whole number"),
    "number": N_("number"),
    "decimal": N_("decimal number"),
    "boolean": N_("yes or no"),
    "date": N_("date"),
    "datetime": N_("date and time (UTC)"),
    "json": N_("structured value (JSON)"),
    "geometry": N_("shape on the map"),
}
# What an expectation of Great Expectations means to a reader.
CHECKS = {
    "expect_column_to_exist": N_("The column “%(column)s” is there"),
    "expect_table_columns_to_match_set": N_("The table has the announced columns and no other"),
    "expect_table_columns_to_match_ordered_list": N_(
        "The table has the announced columns, in the announced order"
    ),
    "expect_table_column_count_to_equal": N_("The table has the announced number of columns"),
    "expect_column_values_to_not_be_null": N_("“%(column)s” is never empty"),
    "expect_column_values_to_be_null": N_("“%(column)s” is always empty"),
    "expect_column_values_to_be_unique": N_("No value of “%(column)s” occurs twice"),
    "expect_compound_columns_to_be_unique": N_("No two rows have the same %(columns)s"),
    "expect_select_column_values_to_be_unique_within_record": N_(
        "Within a row, %(columns)s are all different"
    ),
    "expect_column_values_to_be_between": N_("“%(column)s” lies within its limits: %(limits)s"),
    "expect_column_values_to_be_in_set": N_("“%(column)s” holds only the values that are allowed"),
    "expect_column_distinct_values_to_be_in_set": N_(
        "“%(column)s” holds only the values that are allowed"
    ),
    "expect_column_distinct_values_to_contain_set": N_(
        "“%(column)s” holds every value that must occur"
    ),
    "expect_column_distinct_values_to_equal_set": N_(
        "“%(column)s” holds exactly the values that are expected"
    ),
    "expect_column_values_to_not_be_in_set": N_("“%(column)s” holds no forbidden value"),
    "expect_column_values_to_match_regex": N_("“%(column)s” is written the way it should be"),
    "expect_column_values_to_match_regex_list": N_("“%(column)s” is written the way it should be"),
    "expect_column_values_to_match_like_pattern": N_(
        "“%(column)s” is written the way it should be"
    ),
    "expect_column_values_to_match_like_pattern_list": N_(
        "“%(column)s” is written the way it should be"
    ),
    "expect_column_values_to_match_strftime_format": N_(
        "“%(column)s” is written the way it should be"
    ),
    "expect_column_values_to_be_json_parseable": N_("“%(column)s” is written the way it should be"),
    "expect_column_values_to_not_match_regex_list": N_("“%(column)s” contains no forbidden text"),
    "expect_column_values_to_not_match_like_pattern": N_("“%(column)s” contains no forbidden text"),
    "expect_column_values_to_not_match_like_pattern_list": N_(
        "“%(column)s” contains no forbidden text"
    ),
    "expect_column_values_to_be_found_in_table": N_(
        "Every “%(column)s” is found in the dataset it refers to: %(other)s"
    ),
    "expect_column_values_to_not_match_regex": N_("“%(column)s” contains no forbidden text"),
    "expect_column_value_lengths_to_be_between": N_("Texts of “%(column)s” have a sound length"),
    "expect_column_value_lengths_to_equal": N_("Texts of “%(column)s” have a sound length"),
    "expect_column_values_to_be_of_type": N_("“%(column)s” has the announced type"),
    "expect_column_values_to_be_in_type_list": N_("“%(column)s” has the announced type"),
    "expect_column_type_to_be": N_("“%(column)s” has the announced type"),
    "expect_table_columns_to_have_types": N_("Every column has the announced type"),
    "expect_column_min_to_be_between": N_("The lowest “%(column)s” is plausible: %(limits)s"),
    "expect_column_max_to_be_between": N_("The highest “%(column)s” is plausible: %(limits)s"),
    "expect_column_mean_to_be_between": N_("The mean of “%(column)s” is plausible: %(limits)s"),
    "expect_column_median_to_be_between": N_("The median of “%(column)s” is plausible: %(limits)s"),
    "expect_column_sum_to_be_between": N_("The total of “%(column)s” is plausible: %(limits)s"),
    "expect_column_unique_value_count_to_be_between": N_(
        "“%(column)s” has a plausible number of different values: %(limits)s"
    ),
    "expect_column_proportion_of_unique_values_to_be_between": N_(
        "“%(column)s” has a plausible share of different values"
    ),
    "expect_column_proportion_of_non_null_values_to_be_between": N_(
        "“%(column)s” is filled in often enough"
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": N_(
        "“%(column_a)s” is greater than “%(column_b)s”"
    ),
    "expect_column_pair_values_to_be_equal": N_("“%(column_a)s” equals “%(column_b)s”"),
    "expect_column_pair_values_to_be_in_set": N_(
        "“%(column_a)s” and “%(column_b)s” hold only the pairs that are allowed"
    ),
    "expect_column_pair_values_to_be_inside_box": N_(
        "“%(column_a)s” and “%(column_b)s” lie inside the area they should"
    ),
    "expect_column_values_to_be_inside_box": N_("“%(column)s” lies inside the area it should"),
    "expect_column_values_to_be_place_codes": N_("Every “%(column)s” is an official place code"),
    "expect_column_values_to_contain_arabic": N_("“%(column)s” is written in Arabic letters"),
    "expect_column_values_to_be_monotone": N_(
        "“%(column)s” moves in one direction only along “%(order)s”"
    ),
    "expect_column_values_to_have_no_gap_in_time": N_("“%(column)s” has no gap in time"),
    "expect_column_sums_to_match_other_table": N_(
        "The totals of “%(column)s” are those of the dataset it is compared with: %(other)s"
    ),
    "expect_column_most_common_value_to_be_in_set": N_(
        "The most frequent “%(column)s” is one of those expected"
    ),
    "expect_column_quantile_values_to_be_between": N_(
        "The values of “%(column)s” are spread as expected"
    ),
    "expect_column_stdev_to_be_between": N_("The values of “%(column)s” are spread as expected"),
    "expect_column_kl_divergence_to_be_less_than": N_(
        "The values of “%(column)s” are spread as expected"
    ),
    "expect_column_value_z_scores_to_be_less_than": N_(
        "No “%(column)s” lies far away from all the others"
    ),
    "expect_multicolumn_values_to_be_equal": N_("Within a row, %(columns)s are all equal"),
    "expect_multicolumn_sum_to_equal": N_("%(columns)s add up to the expected total"),
    "expect_table_row_count_to_be_between": N_("The number of rows is plausible: %(limits)s"),
    "expect_table_row_count_to_equal": N_("The number of rows is the expected one"),
    "expect_table_row_count_to_equal_other_table": N_("The number of rows is the expected one"),
    "expect_table_column_count_to_be_between": N_("The table has the announced number of columns"),
}
ABOUT_COLUMN = N_("A rule of its own for “%(column)s” holds")
ABOUT_TABLE = N_("A rule of its own for the whole table holds")


def type_words(column_type: str, language: Language) -> str:
    """A column's type in words; an unknown one stays as it is."""
    message = COLUMN_TYPES.get(column_type.partition("(")[0])
    return language.text(message) if message else column_type


def limits(low: Any, high: Any, language: Language) -> str:
    """A range in words, open on a side that is None; empty when both are."""
    if low is not None and high is not None:
        return language.text(
            "from %(low)s to %(high)s", low=_value(low, language), high=_value(high, language)
        )
    if low is not None:
        return language.text("%(low)s or more", low=_value(low, language))
    if high is not None:
        return language.text("%(high)s or less", high=_value(high, language))
    return ""


def _value(value: Any, language: Language) -> str:
    """A limit as it is written in a sentence: numbers by the language, the rest as it is."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    if not number.is_finite() or (number == number.to_integral() and abs(number) < 10_000):
        return str(value)
    return language.number(number)


def column_rules(name: str, column: Record, key: list[str], language: Language) -> list[str]:
    """What every value of a column keeps to, one sentence each; patterns are told apart."""
    rules: list[str] = []
    if name in key:
        rules.append(
            language.text("identifies a row")
            if len(key) == 1
            else language.text("part of what identifies a row")
        )
    if column.get("required") and name not in key:
        rules.append(language.text("never empty"))
    if column.get("unique") and key != [name]:
        rules.append(language.text("no value occurs twice"))
    if column.get("range"):
        low, high = column["range"]
        rules.append(limits(low, high, language))
    if column.get("computed"):
        rules.append(language.text("computed by this catalogue"))
    return [rule for rule in rules if rule]


def check_words(
    check: Record,
    titles: Mapping[str, str],
    language: Language,
    others: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """What one check looked at, as a sentence.

    ``titles`` are the columns' titles by name, ``others`` those of other datasets by slug.
    """
    kwargs = check.get("kwargs") or {}
    title = check.get("title") or {}
    if title.get(language.code):
        return str(title[language.code])
    column = str(check.get("column") or kwargs.get("column") or "")
    message = CHECKS.get(check["type"]) or (ABOUT_COLUMN if column else ABOUT_TABLE)
    several = kwargs.get("column_list") or kwargs.get("column_set") or []
    values = {
        "column": titles.get(column, column),
        "column_a": titles.get(kwargs.get("column_A", ""), kwargs.get("column_A", "")),
        "column_b": titles.get(kwargs.get("column_B", ""), kwargs.get("column_B", "")),
        "columns": language.joined([titles.get(name, name) for name in several]),
        "other": others.get(kwargs.get("other_table", ""), kwargs.get("other_table", "")),
        "order": titles.get(kwargs.get("order_by", ""), kwargs.get("order_by", "")),
        "limits": limits(kwargs.get("min_value"), kwargs.get("max_value"), language),
    }
    sentence = language.text(message, **values).rstrip(" :\N{NO-BREAK SPACE}")
    mostly = kwargs.get("mostly")
    if mostly is not None and float(mostly) < 1:
        share = language.percent(float(mostly))
        return language.text(
            "%(sentence)s (in %(share)s of the rows)", sentence=sentence, share=share
        )
    return sentence
