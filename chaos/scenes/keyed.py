"""Runs of one concurrency key: one at a time, in the order in which they were accepted."""

from collections.abc import Sequence

from chaos.scene import Crowd, Document, Scene, call, flow

KEYS = 3


def _documents(url: str) -> Sequence[Document]:
    own = f"{url}/keyed/{{{{ input.n }}}}"
    return [
        flow(
            "keyed",
            "{{ input.n }}",
            entry="async",
            settings={"concurrency_key": f"k{{{{ input.n % {KEYS} }}}}"},
            begin=call(own, "begin", "POST"),
            end=call(own, "end", "PUT", after="begin"),
        )
    ]


SCENE = Scene(
    name="keyed",
    documents=_documents,
    entry="async",
    output=lambda n: n,
    steps=frozenset({"begin", "end"}),
    crowd=Crowd(lambda n: f"k{n % KEYS}", 1, ordered=True),
    weight=2,
)
