"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# A migration is a record of what was: it does not import the schema of today.
Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "origins",
        sa.Column("id", Id, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_origins"),
        sa.UniqueConstraint("origin", name="uq_origins_origin"),
    )
    op.create_table(
        "articles",
        sa.Column("id", Id, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("published_at", sa.BigInteger),
        sa.Column("own", sa.Boolean, nullable=False),
        sa.Column("removed", sa.Boolean, nullable=False),
        sa.Column("origin_id", Id, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("card", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_articles"),
        sa.UniqueConstraint("key", name="uq_articles_key"),
        sa.ForeignKeyConstraint(["origin_id"], ["origins.id"], name="fk_articles_origin_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_articles_published_at", "articles", ["published_at"])
    op.create_table(
        "aliases",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("article_id", Id, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_aliases"),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_aliases_article_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "links",
        sa.Column("origin_id", Id, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("source_id", Id, nullable=False),
        sa.Column("target_key", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("origin_id", "place", name="pk_links"),
        sa.ForeignKeyConstraint(["origin_id"], ["origins.id"], name="fk_links_origin_id"),
        sa.ForeignKeyConstraint(["source_id"], ["articles.id"], name="fk_links_source_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_links_source_id", "links", ["source_id"])
    op.create_index("ix_links_target_key", "links", ["target_key"])
    op.create_table(
        "generations",
        sa.Column("id", Id, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("stories", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_generations"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "neighbours",
        sa.Column("generation", Id, nullable=False),
        sa.Column("article_id", Id, nullable=False),
        sa.Column("packed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("generation", "article_id", name="pk_neighbours"),
        sa.ForeignKeyConstraint(["generation"], ["generations.id"], name="fk_neighbours_generation"),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_neighbours_article_id"),
    )
    op.create_table(
        "models",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_models"),
    )


def downgrade() -> None:
    for table in ("models", "neighbours", "generations", "links", "aliases", "articles", "origins"):
        op.drop_table(table)
