"""Personal data that a dataset may publish all the same: who decided it, why, and until when."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from moulouya.definition.columns import ColumnName
from moulouya.region import Model, Text

PersonalKind = Literal[
    "email", "phone", "cin", "massar", "iban", "rib", "name", "address", "birth_date",
    "ip_address", "plate", "small_cells", "home_location",
]  # fmt: skip


class Override(Model):
    """A public, dated decision that a column may show one kind of personal data.

    Law 09-08, art. 4: personal data may be communicated with the person's consent, or where the
    law or a task in the public interest asks for it. The reason says which of them it is.
    """

    column: ColumnName = Field(description="the published column the decision is about")
    kind: PersonalKind = Field(description="the kind of personal data it may show")
    reason: Text = Field(description="why it may be published (consent, law, public function)")
    by: str = Field(min_length=1, description="the person who decided, with their function")
    until: dt.date = Field(description="last day of the decision; the column is blocked after it")


def of_known_columns(overrides: list[Override], info: ValidationInfo) -> list[Override]:
    """Hand the overrides back if each names another kind or column, all of them published.

    Stands behind ``columns`` in its model. Raises ValueError for a column that is not published
    and for a second decision about the same column and kind.
    """
    columns = info.data.get("columns")
    seen: set[tuple[str, str]] = set()
    for number, override in enumerate(overrides):
        if columns is not None and override.column not in columns:
            raise ValueError(f"{number}.column: {override.column!r} is not one of the columns")
        if (override.column, override.kind) in seen:
            raise ValueError(f"{number}: {override.column} and {override.kind} stand twice")
        seen.add((override.column, override.kind))
    return overrides


Overrides = Annotated[list[Override], AfterValidator(of_known_columns)]
