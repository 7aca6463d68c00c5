"""Add owed and shared answers, and what is told of how a job was done."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the tables of owed and shared answers, and columns to that of jobs."""
    op.create_table(
        "owed",
        sa.Column("job_id", sa.String(), primary_key=True),
        sa.Column("user_id", sa.BigInteger(), nullable=False, index=True),
        sa.Column("created_at", sa.DateTime(), nullable=False, index=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.add_column("jobs", sa.Column("worker", sa.Integer(), nullable=True))
    op.add_column("jobs", sa.Column("batch", sa.Integer(), nullable=True))
    op.add_column("jobs", sa.Column("runs", sa.Integer(), nullable=True))
    op.add_column("jobs", sa.Column("askers", sa.Integer(), nullable=True))
    op.add_column("jobs", sa.Column("tokens", sa.Integer(), nullable=True))
    op.add_column("jobs", sa.Column("stopped_by", sa.String(), nullable=True))
    op.create_table(
        "shared",
        sa.Column("message_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False, index=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
    )
