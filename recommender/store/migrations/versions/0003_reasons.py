"""Lists may say why each neighbour is in them, and generations in which words stories were compared.

Lists that are there are served on, without reasons until the next recompute.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("generations", sa.Column("parts", sa.Text))
    op.add_column("neighbours", sa.Column("reasons", sa.LargeBinary))
    op.create_table(
        "vocabularies",
        sa.Column("generation", Id, nullable=False),
        sa.Column("packed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("generation", name="pk_vocabularies"),
        sa.ForeignKeyConstraint(["generation"], ["generations.id"], name="fk_vocabularies_generation"),
    )


def downgrade() -> None:
    op.drop_table("vocabularies")
    op.drop_column("neighbours", "reasons")
    op.drop_column("generations", "parts")
