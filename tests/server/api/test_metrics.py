"""Health and figures."""

from __future__ import annotations

import re

from tests.fixtures.api import Api
from tests.fixtures.flows import flow, step


async def figures(api: Api) -> dict[str, float]:
    answer = await api.outside.get("/metrics")
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/plain")
    return {name: float(value) for name, value in re.findall(r"^(millstream_\S+) (\S+)$", answer.text, re.MULTILINE)}


async def test_health_and_readiness(api: Api) -> None:
    assert (await api.outside.get("/healthz")).json() == {"status": "ok"}
    ready = (await api.outside.get("/readyz")).json()
    assert set(ready) == {"status", "temporal"}
    assert ready["status"] == "ready"


async def test_runs_and_requests_are_counted_and_nothing_of_their_data(api: Api) -> None:
    before = await figures(api)
    name = await api.create(flow(i=step("core.assert", condition="{{ input.good }}", message="no")))
    for good in (True, True, False):
        await api.run(name, {"good": good, "secret": "hidden in the data"})
    await api.owner.get("/workflows/nothing")
    await api.outside.get("/made/up/by/the/caller")
    after = await figures(api)

    def more(figure: str) -> float:
        return after[figure] - before.get(figure, 0)

    assert more("millstream_runs_accepted_total") == 3
    assert more('millstream_runs_ended_total{status="succeeded"}') >= 2
    assert more('millstream_runs_ended_total{status="failed"}') >= 1
    started = [figure for figure in after if 'route="/workflows/{workflow}/runs",status="200"' in figure]
    assert more(started[0]) == 3
    assert more('millstream_http_requests_total{method="GET",route="/workflows/{workflow}",status="404"}') == 1
    assert more('millstream_http_requests_total{method="-",route="-",status="404"}') == 1
    assert after["millstream_dispatch_queue_depth"] >= 0
    text = (await api.outside.get("/metrics")).text
    assert name not in text
    assert "hidden" not in text
