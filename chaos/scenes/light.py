"""A webhook that answers at once, and one write: the least that a run with an effect can be."""

from collections.abc import Sequence

from chaos.scene import Document, Scene, call, flow


def _documents(url: str) -> Sequence[Document]:
    return [flow("light", "{{ input.n }}", entry="async", write=call(url, "light/{{ input.n }}/write", "POST"))]


SCENE = Scene(
    name="light", documents=_documents, entry="async", output=lambda n: n, steps=frozenset({"write"}), weight=4
)
