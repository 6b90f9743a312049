import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from server.settings import Settings, SettingsError, child_environment, load_settings, variable

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
SOURCES = [
    Path(__file__).parents[2] / part for part in ("engine", "modules", "copilot", "workspace", "db", "server", "bench")
]


def test_an_empty_environment_gives_a_stack_on_this_machine_alone() -> None:
    settings = load_settings({})
    assert settings.home == Path.cwd() / ".millstream"
    assert settings.url == settings.local_url == "http://127.0.0.1:8080"
    assert (settings.api_key_path, settings.master_key_path) == (
        settings.home / "api-key",
        settings.home / "master.key",
    )
    assert (settings.database_url, settings.temporal_address, settings.egress_allow, settings.inline) == (
        None,
        None,
        (),
        True,
    )


def test_an_empty_variable_counts_as_unset() -> None:
    assert load_settings(dict.fromkeys(map(variable, Settings.model_fields), "")) == load_settings({})


def test_each_setting_is_told_in_the_docs_and_nothing_else_is() -> None:
    told = re.findall(r"^\| `(MILLSTREAM_\w+)` \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(told) == sorted(variable(name) for name in Settings.model_fields)


def test_the_environment_is_read_in_one_place_only() -> None:
    readers = {
        str(path.relative_to(SOURCES[0].parent))
        for source in SOURCES
        for path in source.rglob("*.py")
        if re.search(r"\bos\.(environ|getenv)\b|from os import .*\b(environ|getenv)\b", path.read_text())
    }
    assert readers == {"server/settings.py"}


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("PORT", "eighty", "MILLSTREAM_PORT can't be used: input should be a valid integer"),
        ("PORT", "65536", "MILLSTREAM_PORT can't be used: input should be less than or equal to 65535"),
        (
            "DATABASE_URL",
            "mysql://x",
            "MILLSTREAM_DATABASE_URL can't be used: it must begin with postgresql:// or postgres://",
        ),
        ("TEMPORAL_ADDRESS", "temporal", "MILLSTREAM_TEMPORAL_ADDRESS can't be used: it must be HOST:PORT"),
        ("EGRESS_ALLOW", "10.0.0.0/8, a b", "MILLSTREAM_EGRESS_ALLOW can't be used: 'a b' is neither a host name nor"),
        ("EGRESS_ALLOW", "10.0.0.0/80", "MILLSTREAM_EGRESS_ALLOW can't be used: '10.0.0.0/80' is neither"),
        ("ENV", "staging", "MILLSTREAM_ENV can't be used: input should be 'development' or 'production'"),
        ("INLINE", "sometimes", "MILLSTREAM_INLINE can't be used: input should be a valid boolean"),
    ],
)
def test_a_wrong_value_is_a_sentence_that_names_the_variable(name: str, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings({f"MILLSTREAM_{name}": text})
    assert str(error.value).startswith(sentence)


def test_a_wrong_secret_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as error:
        load_settings({"MILLSTREAM_DATABASE_URL": "https://someone:hidden@host"})
    assert "hidden" not in str(error.value)


def test_secrets_are_not_printed() -> None:
    settings = load_settings({"MILLSTREAM_MASTER_KEY": "hidden"})
    assert settings.master_key == SecretStr("hidden")
    assert "hidden" not in repr(settings)


def test_the_model_falls_back_to_the_usual_names() -> None:
    usual = {"OPENAI_BASE_URL": "http://a", "OPENAI_API_KEY": "k", "OPENAI_MODEL": "m"}
    settings = load_settings({**usual, "MILLSTREAM_LLM_MODEL": "ours"})
    assert (settings.llm_base_url, settings.llm_model) == ("http://a", "ours")


@pytest.mark.parametrize(
    ("text", "admitted"),
    [
        ("", ()),
        (" 10.1.2.3/8 ,, Example.COM. ,[::1],127.0.0.1", ("10.0.0.0/8", "example.com", "::1", "127.0.0.1")),
        ("*.internal,fe80::/10", ("*.internal", "fe80::/10")),
    ],
)
def test_admitted_targets_are_hosts_addresses_and_cidrs(text: str, admitted: tuple[str, ...]) -> None:
    assert load_settings({"MILLSTREAM_EGRESS_ALLOW": text}).egress_allow == admitted


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("::1", "http://[::1]:81"),
        ("0.0.0.0", "http://127.0.0.1:81"),
        ("::", "http://[::1]:81"),
        ("a.b", "http://a.b:81"),
    ],
)
def test_this_machine_reaches_the_api_where_it_listens(host: str, url: str) -> None:
    assert load_settings({"MILLSTREAM_HOST": host, "MILLSTREAM_PORT": "81"}).url == url


def test_a_public_url_is_where_others_reach_it() -> None:
    settings = load_settings({"MILLSTREAM_PUBLIC_URL": "https://flows.example/", "MILLSTREAM_HOST": "0.0.0.0"})
    assert (settings.url, settings.local_url) == ("https://flows.example", "http://127.0.0.1:8080")


def test_a_client_certificate_needs_its_key() -> None:
    with pytest.raises(SettingsError, match="belong together"):
        load_settings({"MILLSTREAM_TEMPORAL_TLS_CERT_FILE": "/c"})


@given(st.dictionaries(st.sampled_from([variable(name) for name in Settings.model_fields]), st.text(max_size=20)))
def test_whatever_is_set_it_is_settings_or_a_sentence(environment: dict[str, str]) -> None:
    said = complaint(environment)
    assert said is None or (said.startswith("MILLSTREAM_") and "\n" not in said)


def complaint(environment: dict[str, str]) -> str | None:
    try:
        load_settings(environment)
    except SettingsError as error:
        return str(error)
    return None


def test_a_child_gets_what_its_parent_has_with_changes() -> None:
    child = child_environment({"MILLSTREAM_HOME": "/h", "PATH": ""})
    assert child["MILLSTREAM_HOME"] == "/h"
    assert "PATH" not in child
