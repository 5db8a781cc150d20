"""Editors pin stories into a list and block them from it: what they ordered, and what is in force."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "curation",
        sa.Column("id", Id, nullable=False),
        sa.Column("article_id", Id, nullable=False),
        sa.Column("other_id", Id, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("slot", sa.SmallInteger),
        sa.Column("editor", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("undone", Id),
        sa.PrimaryKeyConstraint("id", name="pk_curation"),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_curation_article_id_articles"),
        sa.ForeignKeyConstraint(["other_id"], ["articles.id"], name="fk_curation_other_id_articles"),
        sa.ForeignKeyConstraint(["undone"], ["curation.id"], name="fk_curation_undone_curation"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_curation_article_id", "curation", ["article_id"])
    op.create_table(
        "orders",
        sa.Column("article_id", Id, nullable=False),
        sa.Column("packed", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("article_id", name="pk_orders"),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_orders_article_id_articles"),
    )


def downgrade() -> None:
    op.drop_table("orders")
    op.drop_table("curation")
