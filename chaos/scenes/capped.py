"""A workflow of which three runs may be open at once."""

from collections.abc import Sequence

from chaos.scene import Crowd, Document, Scene, call, flow

MOST = 3


def _documents(url: str) -> Sequence[Document]:
    own = f"{url}/capped/{{{{ input.n }}}}"
    return [
        flow(
            "capped",
            "{{ input.n }}",
            entry="async",
            settings={"max_concurrent_runs": MOST},
            begin=call(own, "begin", "PUT"),
            end=call(own, "end", "POST", after="begin"),
        )
    ]


SCENE = Scene(
    name="capped",
    documents=_documents,
    entry="async",
    output=lambda n: n,
    steps=frozenset({"begin", "end"}),
    crowd=Crowd(lambda _: "all", MOST),
    weight=2,
)
