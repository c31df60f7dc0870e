"""Items that people sent, and what happened to each."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "items",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed", sa.DateTime(timezone=True)),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("dataset", sa.String(63)),
        sa.Column("column_name", sa.String(63)),
        sa.Column("row_key", sa.String(200)),
        sa.Column("urgent", sa.Boolean, nullable=False),
        sa.Column("extended", sa.Boolean, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("email", sa.Text),
        sa.Column("flags", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("secret", sa.String(64), nullable=False, unique=True),
        sa.Column("same_as", sa.Integer, sa.ForeignKey("items.id", ondelete="CASCADE")),
        sa.Column("answer_dataset", sa.String(63)),
        sa.Column("article", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("items_by_state", "items", ["state", "created"])
    op.create_index("items_by_dataset", "items", ["dataset", "state"])
    op.create_index("items_by_digest", "items", ["digest", "created"])
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column(
            "item", sa.Integer, sa.ForeignKey("items.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("by_whom", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("events_by_item", "events", ["item"])


def downgrade() -> None:
    """Drop both tables."""
    op.drop_table("events")
    op.drop_table("items")
