"""The product's version, as installed."""

from importlib.metadata import version


def product_version() -> str:
    return version("millstream")
