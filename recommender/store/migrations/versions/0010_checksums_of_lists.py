"""Lists have a checksum behind them, by which a number in one that was not written is seen.

Lists that are there are taken for what they are.
"""

from collections.abc import Callable
from zlib import crc32

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

CHUNK = 1_000

neighbours = sa.table(
    "neighbours",
    sa.column("generation", sa.BigInteger),
    sa.column("article_id", sa.BigInteger),
    sa.column("packed", sa.LargeBinary),
)


def upgrade() -> None:
    rewrite(lambda packed: packed + crc32(packed).to_bytes(4, "little"))


def downgrade() -> None:
    rewrite(lambda packed: packed[:-4])


def rewrite(convert: Callable[[bytes], bytes]) -> None:
    connection = op.get_bind()
    columns = neighbours.c
    keys = connection.execute(sa.select(columns.generation, columns.article_id)).all()
    this = (
        columns.generation == sa.bindparam("of_generation"),
        columns.article_id == sa.bindparam("of_article"),
    )
    read = sa.select(columns.packed).where(*this)
    for start in range(0, len(keys), CHUNK):
        rows = []
        for generation, article in keys[start : start + CHUNK]:
            key = {"of_generation": generation, "of_article": article}
            rows.append(key | {"packed": convert(connection.execute(read, key).scalar_one())})
        connection.execute(sa.update(neighbours).where(*this), rows)
