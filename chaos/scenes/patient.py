"""A run that waits for a while between two writes. None comes by chance: many are asked for at once, to be open when something is lost."""

from collections.abc import Sequence

from chaos.scene import Document, Scene, call, flow, step


def _documents(url: str) -> Sequence[Document]:
    own = f"{url}/patient/{{{{ input.n }}}}"
    return [
        flow(
            "patient",
            "{{ input.n }}",
            entry="async",
            before=call(own, "before", "POST"),
            long=step("core.wait", duration="40s", after="before"),
            behind=call(own, "behind", "POST", after="long"),
        )
    ]


SCENE = Scene(
    name="patient",
    documents=_documents,
    entry="async",
    output=lambda n: n,
    steps=frozenset({"before", "long", "behind"}),
    weight=0,
)
