"""The schema's history, by Alembic. A released migration is never changed."""
