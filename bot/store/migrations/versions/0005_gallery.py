"""Add the tables of the gallery and of the arena."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the tables of the gallery and of the arena."""
    op.create_table(
        "gallery",
        sa.Column("job_id", sa.String(), primary_key=True),
        sa.Column("guild_id", sa.BigInteger(), nullable=False, index=True),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False, index=True),
        sa.Column("command", sa.String(), nullable=False),
        sa.Column("hung_at", sa.DateTime(), nullable=False),
    )
    op.create_table(
        "stars",
        sa.Column("job_id", sa.String(), primary_key=True),
        sa.Column("user_id", sa.BigInteger(), primary_key=True),
    )
    op.create_table(
        "duels",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("guild_id", sa.BigInteger(), nullable=False, index=True),
        sa.Column("user_id", sa.BigInteger(), nullable=False, index=True),
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("first", sa.String(), nullable=False),
        sa.Column("second", sa.String(), nullable=False),
        sa.Column("fought_at", sa.DateTime(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "votes",
        sa.Column("duel_id", sa.String(), primary_key=True),
        sa.Column("user_id", sa.BigInteger(), primary_key=True),
        sa.Column("verdict", sa.String(), nullable=False),
    )
