"""A run that waits for an hour and is cancelled."""

from collections.abc import Sequence

from chaos.scene import Document, Scene, call, flow, step


def _documents(url: str) -> Sequence[Document]:
    own = f"{url}/called_off/{{{{ input.n }}}}"
    return [
        flow(
            "called_off",
            "{{ input.n }}",
            before=call(own, "before", "PUT"),
            long=step("core.wait", duration="1h", after="before"),
            never=call(own, "never", "POST", after="long"),
        )
    ]


SCENE = Scene(
    name="called_off",
    documents=_documents,
    entry="api",
    output=lambda _: None,
    steps=frozenset(),
    status="cancelled",
    then="cancel",
)
