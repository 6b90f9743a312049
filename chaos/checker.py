"""What must be true when all is over, whatever was done to the stack.

1. *Nothing answered is lost.* A request that was answered 2xx named a run, and that run is in the database. The same request, however
   often it is sent, has one run.
2. *Everything ends*, as its document says: with that status and output, with those steps succeeded.
3. *Effects.* Each write carries a key; one effect (an address of the ledger, which no other step uses) has one key. An effect may happen
   again with that key, never with another one. The log tells of each that the ledger saw, and the ledger saw each that the log calls
   succeeded.
   A write that isn't idempotent (POST) may be lost with its worker: then the log has the attempt, failed, and the next one repeats it with the
   same key. So it comes at most as often as the log has attempts. What is idempotent (PUT) may come oftener: its attempt is repeated.
4. *The log.* For each attempt of each step of a closed run there is exactly one record, and it is terminal. Attempts are numbered from 1
   without a gap (a skipped step has one, 0); all but the last failed.
5. *Ends are ends.* Nothing of a run changes after its end.
6. *Crowds.* No more runs, or batches of a queue's key, are at work than a key or a cap allows; those of a key come in the order in which
   they were accepted, or added to the queue; and each of them comes.
7. *Nothing is left*: no open execution, claim, wake-up, process, port, note; no workflow task failed by a fault of the interpreter.

What may happen: answers that never came (counted), effects repeated with their key (counted), claims refused as stale (counted).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chaos.evidence import Evidence
from chaos.ledger import Request
from chaos.load import Caller
from chaos.scene import Crowd
from db.evidence import AttemptFact, RunFact

_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SHOWN = 5
ASIDE = "tour-"
"""How the names of workflows begin whose runs may come to what they like."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the report. `must`: the count that is right, None where any is that isn't below `least`; `examples` of what is wrong."""

    what: str
    count: int
    must: int | None = 0
    examples: tuple[str, ...] = ()
    least: int = 0

    @property
    def holds(self) -> bool:
        return self.count >= self.least and (self.must is None or self.count == self.must)

    @property
    def bar(self) -> str:
        """What the count has to be, in short."""
        if self.must is not None:
            return str(self.must)
        return f">= {self.least}" if self.least else "-"


def check(found: Evidence) -> list[Line]:
    """All lines, those that only count included."""
    return [*_accepted(found), *_ends(found), *_effects(found), *_log(found), *_crowds(found), *_left(found)]


def _wrong(what: str, examples: Iterable[str]) -> Line:
    listed = list(examples)
    return Line(what, len(listed), 0, tuple(listed[:_SHOWN]))


def _accepted(found: Evidence) -> list[Line]:
    known = {str(run.run_id) for run in found.runs}
    named = {(caller.number, run_id) for caller in found.callers for run_id in caller.run_ids}
    several = [caller for caller in found.callers if len(set(caller.run_ids)) > 1]
    of_number: Counter[tuple[str, object]] = Counter(
        (run.workflow, _number(run)) for run in found.runs if run.parent_run_id is None
    )
    doubled = [f"{workflow} {number} has {count} runs" for (workflow, number), count in of_number.items() if count > 1]
    return [
        Line("runs that a 2xx answer named", len({run_id for _, run_id in named}), None),
        Line("answers 2xx", sum(len(caller.run_ids) for caller in found.callers), None),
        _wrong("of these lost", (f"{number}: {run_id}" for number, run_id in sorted(named) if run_id not in known)),
        _wrong("requests with two runs", [*(f"{caller.number}: {caller.run_ids}" for caller in several), *doubled]),
        _wrong("answers that should not have come", (wrong for caller in found.callers for wrong in caller.wrong)),
    ]


def _number(run: RunFact) -> object:
    trigger = run.trigger if isinstance(run.trigger, dict) else {}
    body = trigger.get("body") or trigger.get("input")
    return body["n"] if isinstance(body, dict) and "n" in body else str(run.run_id)


def _ends(found: Evidence) -> list[Line]:
    by_id = {str(run.run_id): run for run in found.runs}
    succeeded: dict[str, set[str]] = defaultdict(set)
    for row in found.attempts:
        if row.status == "succeeded":
            succeeded[str(row.run_id)].add(row.path)
    otherwise: list[str] = []
    for caller, run in _runs_of(found.callers, by_id):
        if run.ended:
            wanted = (caller.scene.status, caller.scene.output(caller.number))
            if (run.status, run.output) != wanted:
                otherwise.append(f"{caller.scene.name} {run.run_id}: {run.status} {str(run.output)[:60]}")
            elif missing := sorted(caller.scene.steps - succeeded[str(run.run_id)]):
                otherwise.append(f"{caller.scene.name} {run.run_id}: without {missing[:3]}")
    asked = {run_id for caller in found.callers for run_id in caller.run_ids}
    otherwise += [
        f"{run.workflow} {run.run_id}: {run.status}, of a parent or a queue"
        for run in found.runs
        if run.ended
        and run.status != "succeeded"
        and str(run.run_id) not in asked
        and not run.workflow.startswith(ASIDE)
    ]
    return [
        Line("runs in the database", len(found.runs), None),
        _wrong("runs not ended", (f"{run.workflow} {run.run_id}: {run.status}" for run in found.runs if not run.ended)),
        _wrong("runs that ended otherwise than they should", otherwise),
        _wrong(
            "runs changed after their end",
            (
                f"{run.run_id}: change {run.event_seq}, ended with {run.status_seq}"
                for run in found.runs
                if run.ended and run.event_seq != run.status_seq
            ),
        ),
    ]


def _runs_of(callers: Sequence[Caller], by_id: Mapping[str, RunFact]) -> Iterable[tuple[Caller, RunFact]]:
    for caller in callers:
        for run_id in dict.fromkeys(caller.run_ids):
            if run_id in by_id:
                yield caller, by_id[run_id]


def _effects(found: Evidence) -> list[Line]:
    writes = [request for request in found.requests if request.method in _WRITES]
    keys: dict[str, set[str]] = defaultdict(set)
    times: Counter[str] = Counter()
    for request in writes:
        keys[f"{request.method} {request.path}"].add(request.key or "")
        times[request.key or ""] += 1
    logged: dict[str, list[AttemptFact]] = defaultdict(list)
    for row in found.attempts:
        if row.idempotency_key is not None and row.module.startswith("http.request"):
            logged[row.idempotency_key].append(row)
    posted = Counter(request.key for request in writes if request.method == "POST")
    # A write that is idempotent has its row with its answer. Lost with its worker it is made again, unless the run was called off.
    called_off = {str(run.run_id) for run in found.runs if run.status == "cancelled"}
    too_often = [
        f"{key}: {count} requests, {len(logged[key])} attempts"
        for key, count in posted.items()
        if key is not None and key in logged and count > len(logged[key])
    ]
    return [
        Line("effects", len(keys), None),
        Line("requests that write", len(writes), None),
        Line("repeats with the same key", sum(count - 1 for count in times.values() if count > 1), None),
        _wrong(
            "effects with two keys",
            (f"{path}: {sorted(several)}" for path, several in keys.items() if len(several) > 1),
        ),
        _wrong("requests without a key", (request.path for request in writes if not request.key)),
        _wrong("POSTs beyond the attempts that the log has", too_often),
        _wrong(
            "effects in the ledger without a record",
            (
                key
                for key in times
                if key and key not in logged and (key in posted or key.partition(":")[0] not in called_off)
            ),
        ),
        _wrong(
            "effects that the log tells of and the ledger never saw",
            (
                key
                for key, rows in logged.items()
                if key not in times and any(row.status == "succeeded" for row in rows)
            ),
        ),
    ]


def _log(found: Evidence) -> list[Line]:
    closed = {run.run_id for run in found.runs if run.ended}
    steps: dict[tuple[object, str], list[AttemptFact]] = defaultdict(list)
    for row in found.attempts:
        if row.run_id in closed:
            steps[(row.run_id, row.path)].append(row)
    missing: list[str] = []
    double: list[str] = []
    for (run_id, path), rows in steps.items():
        numbers = [row.attempt for row in rows]
        if numbers != [0] and numbers != list(range(1, len(numbers) + 1)):
            missing.append(f"{run_id} {path}: attempts {numbers}")
        if any(row.status != "failed" for row in rows[:-1]):
            double.append(f"{run_id} {path}: {[row.status for row in rows]}")
    open_rows = (
        f"{row.run_id} {row.path} {row.attempt}: {row.status}"
        for row in found.attempts
        if row.run_id in closed and not row.ended
    )
    return [
        Line("records of attempts", len(found.attempts), None),
        _wrong("records of closed runs that are not terminal", open_rows),
        _wrong("missing records", missing),
        _wrong("attempts after one that didn't fail", double),
    ]


def _crowds(found: Evidence) -> list[Line]:
    above: list[str] = []
    disorder: list[str] = []
    crowds = {caller.scene.name: caller.scene.crowd for caller in found.callers if caller.scene.crowd is not None}
    for name, crowd in crowds.items():
        of_scene = [request for request in found.requests if request.path.startswith(f"/{name}/")]
        above += _above(name, crowd, of_scene)
        if crowd.ordered:
            disorder += _disorder(
                name, crowd, of_scene, [one.number for one in found.callers if one.scene.name == name]
            )
    ended = {request.path for request in found.requests}
    known = {str(run.run_id) for run in found.runs}
    lost = [
        f"{caller.scene.name} {caller.number}"
        for caller in found.callers
        if caller.scene.name in crowds
        and set(caller.run_ids) & known
        and not {f"/{caller.scene.name}/{caller.number}/{verb}" for verb in ("begin", "end")} <= ended
    ]
    return [
        _wrong("runs or items of a crowd that never came", lost),
        _wrong("runs at work beyond a key or a cap", above),
        _wrong("runs of a key out of order", disorder),
    ]


def _above(name: str, crowd: Crowd, requests: Sequence[Request]) -> Iterable[str]:
    at_work: dict[str, set[int]] = defaultdict(set)
    ended: set[int] = set()
    for number, verb in _steps(requests):
        inside = at_work[crowd.of(number)]
        if verb == "end":
            inside.discard(number)
            ended.add(number)
        elif number not in ended:
            inside.add(number)
            if len(inside) > crowd.most:
                yield f"{name}: {sorted(inside)}"
        # Else: a worker that stood still in mid-call says what another one has said for it long since, with the same key.


def _disorder(name: str, crowd: Crowd, requests: Sequence[Request], asked: Sequence[int]) -> Iterable[str]:
    began = list(dict.fromkeys(number for number, verb in _steps(requests) if verb == "begin"))
    for of in sorted({crowd.of(number) for number in began}):
        came = [number for number in began if crowd.of(number) == of]
        order = [number for number in asked if crowd.of(number) == of and number in set(came)]
        if came != order:
            yield f"{name} {of}: asked {order[:12]}, came {came[:12]}"


def _steps(requests: Sequence[Request]) -> Iterable[tuple[int, str]]:
    for request in requests:
        _, _, number, verb = request.path.split("/", 3)
        yield int(number), verb


def _left(found: Evidence) -> list[Line]:
    states = ", ".join(f"{count} {status}" for status, count in sorted(found.temporal.by_status.items()))
    return [
        Line(f"executions that Temporal knows ({states})", found.temporal.by_status.total(), None),
        _wrong("of these open", found.temporal.open),
        Line("seconds until none was", round(found.temporal.lag_s), None),
        Line(
            "executions without an open run that the reconciler ended",
            len(found.unowned),
            None,
            tuple(found.unowned[:_SHOWN]),
        ),
        Line("histories read", found.temporal.histories, None),
        _wrong("workflow tasks that failed", found.temporal.failed_tasks),
        Line("places in the queue left", found.left.open_runs),
        Line("claims left", found.left.leases),
        Line("wake-ups left", found.left.signals),
        Line("items and batches left in queues", found.left.items),
        Line("events left in the inbox", found.left.events),
        Line("stale claims refused", found.refused, None),
        Line("failpoints fired", found.fired.total(), None),
        _wrong("processes, ports and files left", found.leftovers),
    ]
