"""A keyed queue: runs add items to it, and what takes them has an effect for each, one batch of a key at a time, in order.

The caller waits for the run that adds, so that the order in which items of one key were committed is known.
"""

from collections.abc import Sequence

from chaos.scene import Crowd, Document, Scene, call, flow, step

KEYS = 3


def _documents(url: str) -> Sequence[Document]:
    own = f"{url}/queued/{{{{ item.data.n }}}}"
    consumer = flow(
        "queued_consumer",
        "{{ steps.each.output }}",
        each=step("core.for_each", items="{{ trigger.items }}", collect="{{ item.data.n }}"),
        begin=call(own, "begin", "PUT", parent="each"),
        end=call(own, "end", "PUT", after="begin", parent="each"),
    )
    consumer["triggers"] = {"take": {"module": "queue.consumer", "version": 1, "inputs": {"queue": "chaos"}}}
    feeder = flow(
        "queued",
        "{{ input.n }}",
        entry="sync",
        put=step(
            "queue.enqueue",
            queue="chaos",
            items=[{"n": "{{ input.n }}"}],
            ordering_key=f"k{{{{ item.n % {KEYS} }}}}",
        ),
    )
    return [consumer, feeder]


SCENE = Scene(
    name="queued",
    documents=_documents,
    entry="sync",
    output=lambda n: n,
    steps=frozenset({"put"}),
    crowd=Crowd(lambda n: f"k{n % KEYS}", 1, ordered=True),
    weight=3,
    queues=(
        {
            "name": "chaos",
            "ordering": "key",
            "flush_batch_size": 4,
            "flush_record_max_age": 1,
            "max_parallel_batches": 3,
        },
    ),
)
