"""JMESPath in the isolated pool."""

from __future__ import annotations

from modules.data.languages.results import as_json
from modules.sdk.isolated import isolated
from modules.sdk.json import Json, JsonObject
from modules.sdk.verdicts import Rejected


@isolated
def transform(argument: JsonObject) -> Json:
    """`{expression, data}` → the result. Raises Rejected `data.expression`."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        return as_json(jmespath.search(str(argument["expression"]), argument["data"]))
    except JMESPathError as error:
        text = " ".join(str(error).split())[:300]
        raise Rejected("data.expression", f"the JMESPath expression doesn't work: {text}") from None
