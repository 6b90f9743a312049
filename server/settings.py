"""Every setting, and the only reader of the environment. Each has its line in docs/settings.md.

The environment is an argument, so that what a process is told can be seen where it is started. It is read with pydantic
alone: pydantic-settings would add a quarter of a second to each command, and its settings classes always look at the
process's own environment.
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

PREFIX = "MILLSTREAM_"
_FALLBACKS = {
    "files_key_id": "AWS_ACCESS_KEY_ID",
    "files_secret": "AWS_SECRET_ACCESS_KEY",
    "llm_base_url": "OPENAI_BASE_URL",
    "llm_api_key": "OPENAI_API_KEY",
    "llm_model": "OPENAI_MODEL",
}
_HOST_NAME = re.compile(
    r"(\*\.)?([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.?", re.IGNORECASE
)


class SettingsError(Exception):
    """A setting can't be used: one sentence that names the variable. The person who set it can mend it."""


def _split(text: str) -> tuple[str, ...]:
    return tuple(entry for entry in (part.strip() for part in text.split(",")) if entry)


def _check_target(entry: str) -> str:
    try:
        return str(ipaddress.ip_network(entry.strip("[]"), strict=False)) if "/" in entry else str(_address(entry))
    except ValueError:
        if "/" in entry or not _HOST_NAME.fullmatch(entry):
            raise ValueError(f"{entry!r} is neither a host name nor an address nor a CIDR") from None
        return entry.lower().rstrip(".")


def _address(entry: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(entry.strip("[]"))


def _targets(value: object) -> object:
    return tuple(_check_target(entry) for entry in _split(value)) if isinstance(value, str) else value


def _url_of(*schemes: str) -> BeforeValidator:
    def check(value: object) -> object:
        if isinstance(value, str) and urlsplit(value).scheme not in schemes:
            raise ValueError("it must begin with " + " or ".join(f"{scheme}://" for scheme in schemes))
        return value

    return BeforeValidator(check)


def _address_with_port(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r".+:\d{1,5}", value):
        raise ValueError("it must be HOST:PORT")
    return value


def _domain(value: object) -> object:
    if isinstance(value, str) and ("*" in value or not _HOST_NAME.fullmatch(value)):
        raise ValueError("it must be the name of a domain")
    return value.lower().rstrip(".") if isinstance(value, str) else value


Port = Annotated[int, Field(ge=0, le=65535)]


class Settings(BaseModel):
    """What the operator chose, checked. Field names are the variables' names in lower case, without the prefix."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    home: Path = Path(".millstream")
    port: Port = 8080
    host: str = "127.0.0.1"
    public_url: Annotated[str, _url_of("http", "https")] | None = None

    database_url: Annotated[str, _url_of("postgresql", "postgres")] | None = None
    temporal_address: Annotated[str, BeforeValidator(_address_with_port)] | None = None
    temporal_namespace: str = "default"
    temporal_tls: bool = False
    temporal_tls_ca_file: Path | None = None
    temporal_tls_cert_file: Path | None = None
    temporal_tls_key_file: Path | None = None
    temporal_tls_server_name: str | None = None

    master_key: SecretStr | None = None
    master_key_file: Path | None = None

    egress_allow: Annotated[tuple[str, ...], BeforeValidator(_targets)] = ()
    inline: bool = True
    audit_days: Annotated[int, Field(ge=30)] = 365
    env: Literal["development", "production"] = "development"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] | None = None

    smtp_host: str | None = None
    smtp_port: Port = 2525
    smtp_cert: Path | None = None
    smtp_key: Path | None = None
    email_domain: Annotated[str, BeforeValidator(_domain)] = "localhost"
    mail_url: Annotated[str, _url_of("smtp", "smtps")] | None = None
    files_url: Annotated[str, _url_of("s3", "file")] | None = None
    files_key_id: str | None = None
    files_secret: SecretStr | None = None
    llm_base_url: Annotated[str, _url_of("http", "https")] | None = None
    llm_api_key: SecretStr | None = None
    llm_model: str | None = None
    llm_daily_tokens: Annotated[int, Field(ge=0)] | None = None
    llm_daily_usd: Annotated[Decimal, Field(ge=0)] | None = None
    llm_body_days: Annotated[int, Field(ge=1, le=3650)] = 30
    llm_log_days: Annotated[int, Field(ge=1, le=3650)] = 365

    failpoint: str | None = None
    ready_fd: int | None = None

    @property
    def url(self) -> str:
        """Where people and programs reach the API: the public URL, else made from host and port. No slash at its end."""
        if self.public_url is not None:
            return self.public_url.rstrip("/")
        return self.local_url

    @property
    def local_url(self) -> str:
        """Where a process on this machine reaches the API."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def mail_host(self) -> str:
        """Where the mail server listens: as the API, unless it was told."""
        return self.smtp_host or self.host

    @property
    def master_key_path(self) -> Path:
        """The file with the master key, where ``master_key`` itself isn't given."""
        return self.master_key_file or self.home / "master.key"

    @property
    def api_key_path(self) -> Path:
        """The file with the first API key of this home, mode 0600."""
        return self.home / "api-key"


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings that ``environment`` (the process's own unless given) tells. An empty variable counts as unset.

    Paths become absolute, seen from the current folder. Raises SettingsError for the first wrong value.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, object] = {}
    for name in Settings.model_fields:
        found = environment.get(variable(name)) or environment.get(_FALLBACKS.get(name, ""))
        if found:
            values[name] = found
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None
    if bool(settings.temporal_tls_cert_file) != bool(settings.temporal_tls_key_file):
        raise SettingsError(
            f"{PREFIX}TEMPORAL_TLS_CERT_FILE and {PREFIX}TEMPORAL_TLS_KEY_FILE belong together: set both"
        )
    if bool(settings.smtp_cert) != bool(settings.smtp_key):
        raise SettingsError(f"{PREFIX}SMTP_CERT and {PREFIX}SMTP_KEY belong together: set both")
    if (settings.files_key_id is None) != (settings.files_secret is None):
        raise SettingsError(f"{PREFIX}FILES_KEY_ID and {PREFIX}FILES_SECRET belong together: set both")
    if settings.failpoint is not None and settings.env == "production":
        raise SettingsError(f"{PREFIX}FAILPOINT makes processes fail: it can't be set where {PREFIX}ENV is production")
    paths = {
        name: Path(os.path.abspath(os.path.expanduser(value)))
        for name in Settings.model_fields
        if isinstance(value := getattr(settings, name), Path)
    }
    return settings.model_copy(update=paths)


def variable(name: str) -> str:
    """The variable of the field ``name``."""
    return PREFIX + name.upper()


def child_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """The environment for a child of this process: this one's with ``changes``; an empty value removes the variable."""
    together = {**os.environ, **changes}
    return {name: value for name, value in together.items() if value or name not in changes}


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "?"
    reason = first["msg"].removeprefix("Value error, ")
    return f"{variable(name)} can't be used: {reason[:1].lower()}{reason[1:]}"
