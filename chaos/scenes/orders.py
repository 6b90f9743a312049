"""A webhook that answers at once; writes of both kinds, a read, a wait and a loop with three calls at a time."""

from collections.abc import Sequence

from chaos.scene import Document, Scene, call, flow, step

LINES = 6


def _documents(url: str) -> Sequence[Document]:
    own = f"{url}/orders/{{{{ input.n }}}}"
    return [
        flow(
            "orders",
            "{{ steps.lines.output | sum }}",
            entry="async",
            take=call(own, "take", "POST"),
            look=call(own, "look", "GET", after="take"),
            pause=step("core.wait", duration="300ms", after="take"),
            lines=step(
                "core.for_each", items=list(range(LINES)), collect="{{ item }}", concurrency=3, after="look pause"
            ),
            line=call(own, "line/{{ item }}", "PUT", parent="lines"),
            tell=call(own, "tell", "POST", after="lines"),
        )
    ]


SCENE = Scene(
    name="orders",
    documents=_documents,
    entry="async",
    output=lambda n: sum(range(LINES)),
    steps=frozenset({"take", "look", "pause", "lines", "tell", *(f"lines[{n}].line" for n in range(LINES))}),
    weight=4,
)
