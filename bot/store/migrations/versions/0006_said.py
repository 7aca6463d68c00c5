"""Keep what was said, for pages and conversations, beside what was asked."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns of answers."""
    op.add_column("kept", sa.Column("said", sa.LargeBinary(), nullable=True))
    for name in ("thread_id", "message_id"):
        op.add_column("kept", sa.Column(name, sa.BigInteger(), nullable=True))
        op.create_index(f"ix_kept_{name}", "kept", [name])
