"""The databases of the contract suite, for the short version."""

from tests.contract.conftest import postgres_server, postgres_url  # noqa: F401  pytest finds fixtures by their names
