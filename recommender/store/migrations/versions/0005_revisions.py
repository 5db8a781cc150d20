"""Stories tell when they changed, so that lists can be brought up to date as they come."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("articles", sa.Column("revision", Id, nullable=False, server_default="0"))
    op.create_index("ix_articles_revision", "articles", ["revision"])
    op.add_column("generations", sa.Column("revision", Id))


def downgrade() -> None:
    op.drop_column("generations", "revision")
    op.drop_index("ix_articles_revision", "articles")
    op.drop_column("articles", "revision")
