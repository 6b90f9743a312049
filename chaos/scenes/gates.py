"""A run that waits for somebody outside, who posts to its address."""

from collections.abc import Sequence

from chaos.scene import Document, Scene, call, flow, step


def _documents(url: str) -> Sequence[Document]:
    own = f"{url}/gates/{{{{ input.n }}}}"
    return [
        flow(
            "gates",
            "{{ steps.gate.output.said }}",
            before=call(own, "before", "POST"),
            gate=step("core.wait_for_event", after="before"),
            behind=call(own, "behind", "PUT", after="gate"),
        )
    ]


SCENE = Scene(
    name="gates",
    documents=_documents,
    entry="api",
    output=lambda n: n,
    steps=frozenset({"before", "gate", "behind"}),
    then="resume",
    weight=2,
)
