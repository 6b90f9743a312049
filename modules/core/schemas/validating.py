"""`core.validate` in the isolated pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

from modules.sdk.isolated import isolated
from modules.sdk.json import Json, JsonObject
from modules.sdk.verdicts import Rejected

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_MOST = 100
_LONGEST = 500


@isolated
def find_errors(argument: JsonObject) -> Json:
    """`{data, schema}` → `[{path, message}]`, by path. Raises Rejected `validate.schema`."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from jsonschema_specifications import REGISTRY
    from referencing.exceptions import Unresolvable

    schema = argument["schema"]
    if not isinstance(schema, (dict, bool)):
        raise Rejected("validate.schema", "a JSON Schema is an object or a boolean")
    try:
        Draft202012Validator.check_schema(schema)
        # With a registry of its own the validator fetches nothing: a reference to elsewhere can't be resolved
        validator = Draft202012Validator(schema, registry=REGISTRY)
        found: list[ValidationError] = []
        errors_of = cast("Callable[[Json], Iterator[ValidationError]]", validator.iter_errors)
        for error in errors_of(argument["data"]):
            found.append(error)
            if len(found) == _MOST:
                break
    except SchemaError as error:
        raise Rejected(
            "validate.schema", f"the schema is wrong at {error.json_path}: {error.message[:_LONGEST]}"
        ) from None
    except Unresolvable as error:
        raise Rejected(
            "validate.schema", f"the schema refers to {str(error.ref)[:_LONGEST]!r}, which it doesn't hold"
        ) from None
    return [{"path": path, "message": message} for path, message in sorted((_pointer(e), _message(e)) for e in found)]


def _pointer(error: ValidationError) -> str:
    return "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in error.absolute_path)


def _message(error: ValidationError) -> str:
    return error.message if len(error.message) <= _LONGEST else error.message[:_LONGEST] + "…"
