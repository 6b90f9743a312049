"""Documents made ready to run, kept by their content hash: loading and compiling are done once per version, not per run."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from db.documents import CompiledDocument
from engine.core.compiled import CompiledJson, compile_run
from engine.expressions.template import Template, compile_value
from engine.expressions.values import Json
from engine.spec.document import Document, Trigger
from engine.spec.load import load
from modules.sdk.declaration import Module


@dataclass(frozen=True, slots=True)
class Prepared:
    """One document that has no error findings. `compiled_hash` names what a run of it is started with."""

    document: Document
    content_hash: str
    compiled: CompiledJson
    compiled_hash: str
    concurrency_key: Template | None

    @property
    def source(self) -> Json:
        """The document as it is run."""
        return self.compiled["document"]

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
        compiled = compile_run(document, self._modules)
        return self._keep(content_hash, _prepared(load(document), content_hash, compiled))

    def of_compiled(self, kept: CompiledDocument) -> Prepared:
        """What a run was accepted with, whatever became of its version, its draft or the registry since."""
        found = self._kept.get(kept.content_hash)
        if found is not None and found.compiled_hash == kept.hash:
            return found
        compiled = cast("CompiledJson", kept.compiled)
        return _prepared(load(compiled["document"]), kept.content_hash, compiled)

    def _keep(self, content_hash: str, made: Prepared) -> Prepared:
        self._kept[content_hash] = made
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return made


def _prepared(document: Document, content_hash: str, compiled: CompiledJson) -> Prepared:
    key = document.settings.concurrency_key
    return Prepared(
        document=document,
        content_hash=content_hash,
        compiled=compiled,
        compiled_hash=str(compiled["hash"]),
        concurrency_key=None if key is None else compile_value(key),
    )
