"""A webhook whose caller waits for the run's output."""

from collections.abc import Sequence

from chaos.scene import Document, Scene, call, flow, step


def _documents(url: str) -> Sequence[Document]:
    own = f"{url}/asked/{{{{ input.n }}}}"
    return [
        flow(
            "asked",
            {"n": "{{ input.n }}", "twice": "{{ steps.double.output.twice }}"},
            entry="sync",
            double=step("core.set", values={"twice": "{{ input.n * 2 }}"}),
            note=call(own, "note", "POST", after="double"),
        )
    ]


SCENE = Scene(
    name="asked",
    documents=_documents,
    entry="sync",
    output=lambda n: {"n": n, "twice": 2 * n},
    steps=frozenset({"double", "note"}),
    weight=3,
)
