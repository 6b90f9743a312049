"""docker-compose.yml, as far as it can be held without Docker: its shape, its names, and the commands that it runs."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import jsonschema
import pytest
import yaml
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError
from typer.main import get_command

from server.cli.main import build
from server.embedded.ports import free_port
from server.embedded.postgres import EmbeddedPostgres, PostgresPlace
from server.embedded.temporal import DYNAMIC_CONFIG
from server.settings import Settings, load_settings, variable

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if service["image"].startswith("millstream"))
JOBS = {"temporal-schema", "temporal-namespace", "migrate"}
SECRETS = {
    "POSTGRES_PASSWORD": "a1",
    "TEMPORAL_DB_PASSWORD": "b2",
    "MILLSTREAM_DB_PASSWORD": "d4",
    "MILLSTREAM_MASTER_KEY": "c3",
}


def filled(text: str, values: Mapping[str, str]) -> str:
    """Compose's interpolation: `${NAME}`, `${NAME:-default}`, `${NAME:?message}`, `$$`."""

    def fill(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        name, default, needed = found["name"], found["default"], found["needed"]
        if not values.get(name) and needed is not None:
            raise KeyError(name)
        return values.get(name) or default or ""

    return re.sub(r"\$\$|\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?(?P<needed>[^}]*))?\}", fill, text)


def environment(service: str, values: Mapping[str, str] = SECRETS) -> dict[str, str]:
    return {name: filled(str(text), values) for name, text in SERVICES[service]["environment"].items()}


def test_it_is_a_compose_file() -> None:
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(COMPOSE)


def test_each_image_is_pinned() -> None:
    images = [service["image"] for service in SERVICES.values()]
    images += re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert [image for image in images if not re.fullmatch(r"[\w./-]+:\d+\.\d+[\w.-]*", image)] == []


def test_our_image_has_the_product_s_version() -> None:
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert {SERVICES[name]["image"] for name in OURS} == {f"millstream:{version[1]}"}


def test_what_stays_has_a_health_check_and_what_ends_is_waited_for() -> None:
    assert {name for name, service in SERVICES.items() if "healthcheck" in service} == set(SERVICES) - JOBS
    waited = {
        name: condition["condition"]
        for service in SERVICES.values()
        for name, condition in service.get("depends_on", {}).items()
    }
    for name, condition in waited.items():
        assert condition == ("service_completed_successfully" if name in JOBS else "service_healthy")
    assert {"api", "worker"}.isdisjoint(waited)
    assert set(waited) == set(SERVICES) - {"api", "worker"}


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_it_does_not_start_without_a_secret(name: str) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert f"#   {name}=" in text
    with pytest.raises(KeyError, match=name):
        filled(re.sub("(?m)^ *#.*$", "", text), {**SECRETS, name: ""})


@pytest.mark.parametrize("service", OURS)
def test_our_services_get_settings_that_exist_and_can_be_read(service: str) -> None:
    given = environment(service)
    assert set(given) <= {variable(name) for name in Settings.model_fields}
    settings = load_settings(given)
    assert settings.url == "http://localhost:8080"
    user = "postgres:a1" if service == "migrate" else "millstream:d4"
    assert settings.database_url == f"postgresql://{user}@postgres:5432/millstream"
    assert settings.temporal_address == "temporal:7233"


@pytest.mark.parametrize("service", OURS)
def test_our_services_run_commands_that_exist(service: str) -> None:
    commands = set(getattr(get_command(build()), "commands"))  # noqa: B009 - the class is the library's own
    assert SERVICES[service]["command"][0] in commands
    check = SERVICES[service].get("healthcheck")
    if check is not None:
        assert check["test"] == ["CMD", "millstream", "health", service]
        assert "health" in commands


async def test_postgresql_takes_the_settings_that_it_is_started_with(tmp_path: Path) -> None:
    program, *words = SERVICES["postgres"]["command"]
    assert program == "postgres"
    assert words[0::2] == ["-c"] * (len(words) // 2)
    settings = dict(word.split("=", 1) for word in words[1::2])
    server = EmbeddedPostgres(PostgresPlace.under(tmp_path), throwaway=True, settings=settings)
    child = await server.start()
    try:
        connection = await asyncpg.connect(server.url)
        assert {name: await connection.fetchval(f"show {name}") for name in settings} == settings
        await connection.close()
    finally:
        await server.stop(child)


@pytest.mark.timeout(600)  # a dozen processes, each of which starts the whole program
@pytest.mark.slow
async def test_our_services_run_as_they_are_started_there(
    tmp_path: Path, empty_database_url: str, temporal_address: str
) -> None:
    """Outside of Docker, with the file's own commands and settings; only what names another container or a volume is replaced."""
    namespace = environment("api")["MILLSTREAM_TEMPORAL_NAMESPACE"]
    await has_namespace(temporal_address, namespace)
    admin = await asyncpg.connect(empty_database_url)
    with suppress(asyncpg.DuplicateObjectError):
        await admin.execute("create role millstream login password 'a-login-of-tests'")
    await admin.close()
    replaced = {
        "MILLSTREAM_HOME": str(tmp_path / "home"),
        "MILLSTREAM_TEMPORAL_ADDRESS": temporal_address,
        "MILLSTREAM_PORT": str(free_port()),
    }
    (tmp_path / "home").mkdir()

    chosen = SECRETS | {"MILLSTREAM_MASTER_KEY": token_hex(32)}

    def command(service: str, argv: list[str]) -> subprocess.Popen[str]:
        given = environment(service, chosen) | replaced
        place = urlsplit(empty_database_url)
        login = f"millstream:a-login-of-tests@{place.hostname}:{place.port}"
        own = empty_database_url if service == "migrate" else urlunsplit(place._replace(netloc=login))
        given["MILLSTREAM_DATABASE_URL"] = own
        outside = {name: value for name, value in os.environ.items() if not name.startswith("MILLSTREAM_")}
        return subprocess.Popen(
            [sys.executable, "-m", "server.cli.main", *argv],
            env=outside | given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    async def said(process: subprocess.Popen[str]) -> str:
        text, _ = await asyncio.to_thread(process.communicate)
        return text

    migrated = command("migrate", SERVICES["migrate"]["command"])
    assert "0001_" in await said(migrated)
    assert migrated.returncode == 0
    staying = {name: command(name, SERVICES[name]["command"]) for name in ("api", "worker")}
    try:
        for name in staying:
            check = SERVICES[name]["healthcheck"]["test"][2:]
            async with asyncio.timeout(240):
                while staying[name].poll() is None:
                    healthy = command(name, check)
                    if (told := await said(healthy)) and healthy.returncode == 0:
                        assert told == f"{name} works\n"
                        break
                else:
                    pytest.fail(f"{name} ended: {await said(staying[name])}")
    finally:
        for process in staying.values():
            process.terminate()
        for process in staying.values():
            await said(process)
    assert [process.returncode for process in staying.values()] == [0, 0]


async def has_namespace(address: str, namespace: str) -> None:
    client = await Client.connect(address)
    request = RegisterNamespaceRequest(namespace=namespace)
    request.workflow_execution_retention_period.FromSeconds(86_400)
    with suppress(RPCError):  # an earlier test has made it
        await client.workflow_service.register_namespace(request)


def test_temporal_is_tuned_like_the_embedded_one() -> None:
    content = yaml.safe_load(COMPOSE["configs"]["temporal-dynamic-config"]["content"])
    assert {name: values[0]["value"] for name, values in content.items()} == DYNAMIC_CONFIG


@pytest.mark.parametrize("script", ["temporal-schema", "temporal-namespace", "users"])
def test_scripts_are_shell(script: str) -> None:
    text = SERVICES[script]["command"][0] if script in SERVICES else COMPOSE["configs"][script]["content"]
    shell = shutil.which("sh")
    assert shell is not None
    subprocess.run([shell, "-n"], input=filled(text, SECRETS), text=True, check=True)


def test_the_image_is_built_from_what_the_product_consists_of() -> None:
    text = (ROOT / "Dockerfile").read_text()
    parts = re.search(r"^module-name = \[(.+)\]", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert parts is not None
    needed = set(re.findall(r'"(\w+)"', parts[1]))
    assert set(re.findall(r"^COPY (\w+) \1$", text, re.MULTILINE)) == needed
    admitted = set(re.findall(r"^!([\w./-]+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert admitted == needed | {".ci/uv.txt", "pyproject.toml", "uv.lock", "LICENSE", "README.md"}
    assert all((ROOT / name).exists() for name in admitted)
    assert "USER millstream" in text
