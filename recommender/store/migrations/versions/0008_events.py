"""What readers were shown and clicked, counted by day."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("generation", Id, nullable=False),
        sa.Column("article_id", Id, nullable=False),
        sa.Column("other_id", Id, nullable=False),
        sa.Column("source", sa.SmallInteger, nullable=False),
        sa.Column("rank", sa.SmallInteger, nullable=False),
        sa.Column("shown", sa.BigInteger, nullable=False),
        sa.Column("clicked", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint(
            "day", "generation", "article_id", "other_id", "source", "rank", name="pk_events"
        ),
        sa.ForeignKeyConstraint(["generation"], ["generations.id"], name="fk_events_generation"),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_events_article_id"),
        sa.ForeignKeyConstraint(["other_id"], ["articles.id"], name="fk_events_other_id"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("events")
