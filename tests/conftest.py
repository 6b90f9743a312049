"""The fixtures that every test may ask for, one file a subject under tests/fixtures/."""

pytest_plugins = [
    "tests.fixtures.carrier",
    "tests.fixtures.database",
    "tests.fixtures.http_server",
    "tests.fixtures.module_host",
    "tests.fixtures.servers",
]
