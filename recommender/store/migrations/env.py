"""What Alembic runs to get its connection: always the one that ``migrations.upgrade`` hands over."""

from alembic import context

from recommender.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by rebuilding it
)
with context.begin_transaction():
    context.run_migrations()
