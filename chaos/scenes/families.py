"""A run with two children at once, each with an effect, and one that the parent's call fails twice before."""

from collections.abc import Sequence

from chaos.scene import Document, Scene, call, flow, step


def _documents(url: str) -> Sequence[Document]:
    own = f"{url}/families/{{{{ input.n }}}}"
    child = flow(
        "family_child",
        "{{ input.n * input.part }}",
        write=call(own, "child/{{ input.part }}", "POST"),
        rest=step("core.wait", duration="200ms", after="write"),
    )
    parent = flow(
        "families",
        "{{ steps.one.output + steps.two.output }}",
        entry="async",
        try_it=call(own, "fails-2/first", "POST"),
        one=step("core.subworkflow", workflow="family_child", input={"n": "{{ input.n }}", "part": 1}, after="try_it"),
        two=step("core.subworkflow", workflow="family_child", input={"n": "{{ input.n }}", "part": 2}, after="try_it"),
        end=call(own, "end_of_it", "PUT", after="one two"),
    )
    return [child, parent]


SCENE = Scene(
    name="families",
    documents=_documents,
    entry="async",
    output=lambda n: 3 * n,
    steps=frozenset({"try_it", "one", "two", "end"}),
    weight=2,
)
