"""Neighbours say which of them are copies of one another: 16 bytes each instead of 14.

Lists that are there are kept and served on.  Of their copies nothing is known
before the next recompute: each neighbour gets a zero, for none.
"""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OLD, NEW = 14, 16
CHUNK = 1_000

neighbours = sa.table(
    "neighbours",
    sa.column("generation", sa.BigInteger),
    sa.column("article_id", sa.BigInteger),
    sa.column("packed", sa.LargeBinary),
)


def upgrade() -> None:
    rewrite(OLD, lambda record: record + bytes(NEW - OLD))


def downgrade() -> None:
    rewrite(NEW, lambda record: record[:OLD])


def rewrite(size: int, convert: Callable[[bytes], bytes]) -> None:
    connection = op.get_bind()
    keys = connection.execute(sa.select(neighbours.c.generation, neighbours.c.article_id)).all()
    this = (
        neighbours.c.generation == sa.bindparam("of_generation"),
        neighbours.c.article_id == sa.bindparam("of_article"),
    )
    read = sa.select(neighbours.c.packed).where(*this)
    for start in range(0, len(keys), CHUNK):
        rows = []
        for generation, article in keys[start : start + CHUNK]:
            key = {"of_generation": generation, "of_article": article}
            packed = connection.execute(read, key).scalar_one()
            records = (packed[at : at + size] for at in range(0, len(packed), size))
            rows.append(key | {"packed": b"".join(map(convert, records))})
        connection.execute(sa.update(neighbours).where(*this), rows)
