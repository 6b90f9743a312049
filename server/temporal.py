"""The connection to Temporal that the settings describe."""

from pathlib import Path

from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.service import TLSConfig

from server.settings import Settings, SettingsError


async def connect(settings: Settings, *, data_converter: DataConverter | None = None) -> Client:
    """A client for the namespace that is set, by TLS where that is set.

    Raises SettingsError for certificate files that can't be read, RuntimeError when no server answers. Its identity is
    Temporal's default, PID@HOST.
    """
    if settings.temporal_address is None:
        raise SettingsError("MILLSTREAM_TEMPORAL_ADDRESS is not set: start the stack with `millstream up`, or set it")
    return await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        tls=_tls(settings),
        data_converter=data_converter or DataConverter.default,
    )


def _tls(settings: Settings) -> TLSConfig | bool:
    files = (settings.temporal_tls_ca_file, settings.temporal_tls_cert_file, settings.temporal_tls_key_file)
    if not settings.temporal_tls and not any(files) and settings.temporal_tls_server_name is None:
        return False
    authority, certificate, key = files
    return TLSConfig(
        server_root_ca_cert=_content("TEMPORAL_TLS_CA_FILE", authority),
        client_cert=_content("TEMPORAL_TLS_CERT_FILE", certificate),
        client_private_key=_content("TEMPORAL_TLS_KEY_FILE", key),
        domain=settings.temporal_tls_server_name,
    )


def _content(name: str, file: Path | None) -> bytes | None:
    try:
        return file.read_bytes() if file is not None else None
    except OSError as error:
        raise SettingsError(
            f"MILLSTREAM_{name} can't be used: {str(file)!r} can't be read ({error.strerror})"
        ) from error
