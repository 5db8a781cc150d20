"""Stories are found by the words of their titles and excerpts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from recommender.store import searching
from recommender.store.database import chunks

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

CHUNK = 1_000

articles = sa.table(
    "articles",
    sa.column("id", sa.BigInteger),
    sa.column("published_at", sa.BigInteger),
    sa.column("removed", sa.Boolean),
    sa.column("card", sa.Text),
)


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
    fill(connection)


def fill(connection: sa.Connection) -> None:
    """Index what is there, as it is done now; who changes ``searching`` moves this to a later revision."""
    chosen = sa.select(articles.c.id, articles.c.published_at).where(~articles.c.removed)
    # In the order of places, in which FTS5 writes fastest.
    stories = connection.execute(chosen.order_by(articles.c.published_at, articles.c.id)).all()
    for chunk in chunks(stories, CHUNK):
        places = {story.id: searching.place(story.published_at, story.id) for story in chunk}
        rows = connection.execute(
            sa.select(articles.c.id, articles.c.card).where(articles.c.id.in_(list(places)))
        )
        searching.index(connection, (), {places[row.id]: row.card for row in rows})


def downgrade() -> None:
    op.drop_table("searched")
