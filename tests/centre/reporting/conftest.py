"""Stores as the store's tests have them."""

from tests.centre.store.conftest import database, made, postgres, url  # noqa: F401 -- fixtures
