"""Keep why jobs failed and where answers stand; take down what has no star."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the columns, and delete exhibits without a star."""
    op.add_column("jobs", sa.Column("reason", sa.String(), nullable=True))
    op.add_column("kept", sa.Column("channel_id", sa.BigInteger(), nullable=True))
    op.create_index("ix_kept_channel_id", "kept", ["channel_id"])
    op.execute("DELETE FROM gallery WHERE job_id NOT IN (SELECT job_id FROM stars)")
