"""Add the table of rules of guilds and wishes of members; find a guild's jobs by their time."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the table of rules, and an index for what a guild has used."""
    op.create_table(
        "rules",
        sa.Column("kind", sa.String(), primary_key=True),
        sa.Column("owner_id", sa.BigInteger(), primary_key=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_jobs_guild_id", "jobs", ["guild_id"])
