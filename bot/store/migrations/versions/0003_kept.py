"""Add the table of kept requests."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the table of kept requests."""
    op.create_table(
        "kept",
        sa.Column("job_id", sa.String(), primary_key=True),
        sa.Column("user_id", sa.BigInteger(), nullable=False, index=True),
        sa.Column("created_at", sa.DateTime(), nullable=False, index=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
