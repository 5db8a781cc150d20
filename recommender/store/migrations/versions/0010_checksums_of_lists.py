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
    key = sa.tuple_(columns.generation, columns.article_id)
    read = sa.select(neighbours).order_by(columns.generation, columns.article_id).limit(CHUNK)
    write = sa.update(neighbours).where(
        columns.generation == sa.bindparam("of_generation"),
        columns.article_id == sa.bindparam("of_article"),
    )
    last = (0, 0)
    while rows := connection.execute(read.where(key > last)).all():
        last = rows[-1][:2]
        connection.execute(
            write,
            [
                {"of_generation": generation, "of_article": article, "packed": convert(packed)}
                for generation, article, packed in rows
            ],
        )
