"""How a store of an older version becomes one of this: Alembic runs them when the store is opened."""
