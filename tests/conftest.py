"""The fixtures that every test may ask for, one file a subject under tests/fixtures/."""

from hypothesis import settings

# A loaded machine is no fault: no example is judged by the time that it took.
settings.register_profile("millstream", deadline=None)
settings.load_profile("millstream")

# A file that imports another one stands after it: pytest rewrites the assertions of each when it is imported.
pytest_plugins = [
    "tests.fixtures.carrier",
    "tests.fixtures.database",
    "tests.fixtures.files",
    "tests.fixtures.http_server",
    "tests.fixtures.mail_server",
    "tests.fixtures.model_server",
    "tests.fixtures.module_host",
    "tests.fixtures.oauth_provider",
    "tests.fixtures.servers",
    "tests.fixtures.stack",
    "tests.fixtures.api",  # after those that it imports, so that their asserts explain themselves
]
