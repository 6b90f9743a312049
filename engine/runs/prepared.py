"""Documents made ready to run, kept by their content hash: loading and compiling are done once per version, not per run."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from engine.core.compiled import CompiledJson, compile_run
from engine.expressions.template import Template, compile_value
from engine.expressions.values import Json
from engine.spec.document import Document, Trigger
from engine.spec.load import load
from modules.sdk.declaration import Module

JsonObject = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Prepared:
    """One document that has no error findings. `compiled_hash` names what a run of it is started with."""

    document: Document
    source: JsonObject
    content_hash: str
    compiled: CompiledJson
    compiled_hash: str
    concurrency_key: Template | None

    def trigger_template(self, trigger: Trigger, field: str) -> Template | None:
        """A trigger's input that is an expression over the request."""
        value = trigger.inputs.get(field)
        return None if value is None else compile_value(value)


class PreparedDocuments:
    """The documents that this process ran lately."""

    def __init__(self, modules: Mapping[str, Module], most: int = 256) -> None:
        self._modules = modules
        self._most = most
        self._kept: OrderedDict[str, Prepared] = OrderedDict()

    @property
    def modules(self) -> Mapping[str, Module]:
        """By `app.action@version`."""
        return self._modules

    def get(self, content_hash: str) -> Prepared | None:
        found = self._kept.get(content_hash)
        if found is not None:
            self._kept.move_to_end(content_hash)
        return found

    def prepare(self, document: Json, content_hash: str) -> Prepared:
        """`document` has no error findings and every version. Raises KeyError when one of its modules is gone."""
        found = self.get(content_hash)
        if found is not None:
            return found
        loaded = load(document)
        compiled = compile_run(document, self._modules)
        key = loaded.settings.concurrency_key
        made = Prepared(
            document=loaded,
            source=document if isinstance(document, dict) else {},
            content_hash=content_hash,
            compiled=compiled,
            compiled_hash=str(compiled["hash"]),
            concurrency_key=None if key is None else compile_value(key),
        )
        self._kept[content_hash] = made
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return made
