"""A generation may amend the lists of an earlier one, and what a recompute knew is kept for the next.

Lists that are there are served on; the next recompute is a whole one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("generations", sa.Column("lists", Id))
    op.execute("UPDATE generations SET lists = id")
    op.create_table(
        "known",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("generation", Id, nullable=False),
        sa.Column("packed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_known"),
        sa.ForeignKeyConstraint(["generation"], ["generations.id"], name="fk_known_generation"),
    )


def downgrade() -> None:
    op.drop_table("known")
    op.drop_column("generations", "lists")
