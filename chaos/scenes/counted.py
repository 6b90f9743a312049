"""A loop with a state, and a try whose finally writes."""

from collections.abc import Sequence

from chaos.scene import Document, Scene, call, flow, step

ROUNDS = 4


def _documents(url: str) -> Sequence[Document]:
    own = f"{url}/counted/{{{{ input.n }}}}"
    return [
        flow(
            "counted",
            "{{ steps.loop.output.state.sum + input.n }}",
            loop=step("core.while", condition=f"{{{{ loop.state.i < {ROUNDS} }}}}", state={"i": 0, "sum": 0}),
            one=call(own, "round/{{ index }}", "PUT", parent="loop"),
            add=step(
                "core.set_state",
                state={"i": "{{ loop.state.i + 1 }}", "sum": "{{ loop.state.sum + loop.state.i }}"},
                parent="loop",
                after="one",
            ),
            safe=step("core.try", after="loop"),
            risk=call(own, "fails-1/risk", "POST", parent="safe"),
            tidy=call(own, "tidy", "POST", parent="safe") | {"slot": "finally"},
        )
    ]


SCENE = Scene(
    name="counted",
    documents=_documents,
    entry="api",
    output=lambda n: sum(range(ROUNDS)) + n,
    steps=frozenset(
        {
            "loop",
            "safe",
            "safe.risk",
            "safe.tidy",
            *(f"loop[{n}].one" for n in range(ROUNDS)),
            *(f"loop[{n}].add" for n in range(ROUNDS)),
        }
    ),
    weight=2,
)
