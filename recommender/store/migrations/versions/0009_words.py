"""Stories are found by the words of their titles and excerpts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from recommender.store import searching

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        # Words come as ``searching.words`` makes them, so this tokenizer only has to cut at spaces.  Where in
        # a text they are is not kept, for nobody asks for phrases; beginnings of one to three letters have
        # lists of their own, for to merge those of all their words would take as long as there are stories.
        op.execute(
            "CREATE VIRTUAL TABLE searched USING fts5"
            "(words, detail=none, columnsize=0, prefix='1 2 3', tokenize=\"ascii tokenchars '_'\")"
        )
    else:
        op.create_table(
            "searched",
            sa.Column("place", sa.BigInteger, autoincrement=False, nullable=False),
            sa.Column("words", postgresql.TSVECTOR, nullable=False),
            sa.PrimaryKeyConstraint("place", name="pk_searched"),
        )
        op.create_index("ix_searched_words", "searched", ["words"], postgresql_using="gin")
    # As it is done now; who changes ``searching`` moves this to a later revision.
    searching.fill(connection)


def downgrade() -> None:
    op.drop_table("searched")
