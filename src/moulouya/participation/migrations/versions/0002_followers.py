"""Who follows what, and which senders of requests were told of the answer."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; who was answered before is not written to now."""
    op.create_table(
        "followers",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("topic", sa.String(63), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked", sa.DateTime(timezone=True)),
        sa.Column("confirmed", sa.DateTime(timezone=True)),
        sa.Column("told", sa.Integer, nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True)),
        sa.Column("trying", sa.Integer),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("problem", sa.Text),
        sa.Column("disabled", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("channel", "address", "scope", "topic", name="followers_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("followers_by_state", "followers", ["channel", "confirmed"])
    op.add_column("items", sa.Column("sender_told", sa.DateTime(timezone=True)))
    op.execute(
        "UPDATE items SET sender_told = created WHERE closed IS NOT NULL "
        "OR same_as IN (SELECT id FROM items WHERE closed IS NOT NULL)"
    )


def downgrade() -> None:
    """Drop the table and the column."""
    op.drop_column("items", "sender_told")
    op.drop_table("followers")
