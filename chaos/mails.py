"""Mails under fire: many over a few connections, some of them several times, while the API and the worker are killed.

A sender sends a mail until it hears `250`, as a mail server does, over a new connection where the old one broke. Then exactly one run must
come of it, whatever else was sent and whoever died; those sent again, by others at the same time, start none.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import aiosmtplib

from chaos.checker import Line
from chaos.disturb import Disturber, Mix
from chaos.ledger import open_ledger
from chaos.pages import everything
from chaos.play import Report, Say, Table, settle
from chaos.scene import flow, step
from chaos.stand import Stand, doors, up
from server.embedded.control import stop_running

MAILS, AGAIN, COPIES, LANES, KILLS = 1_000, 100, 5, 8, 10
_GIVE_UP_S = 300.0
_PAUSE_S = (0.05, 0.3)
_GAP_S = (0.0, 0.1)
_NAME = "mails"


async def mails(seed: int, scale: float, say: Say, keep: Path | None) -> Report:
    """1,000 mails over 8 connections, 100 of them with 5 more copies, and 10 kills."""
    del keep
    number, again, kills = max(20, round(MAILS * scale)), max(5, round(AGAIN * scale)), max(2, round(KILLS * scale))
    about = f"{number:,} mails over {LANES} connections, {again} of them {COPIES} times more, API and worker killed {kills} times"
    say(f"mails: {about}; seed {seed}")
    with tempfile.TemporaryDirectory(prefix="millstream-chaos-") as folder:
        home = Path(folder) / "home"
        async with open_ledger() as ledger:
            state = await up(home)
            try:
                async with doors(home, state) as http:
                    return await _on(Stand(home, state, ledger, http), seed, number, again, kills, about)
            finally:
                await stop_running(home)


async def _on(stand: Stand, seed: int, number: int, again: int, kills: int, about: str) -> Report:
    document = flow(_NAME, "{{ trigger.subject }}", keep=step("core.set", values={"of": "{{ trigger.from }}"}))
    document["triggers"] = {"mail": {"module": "email.trigger", "version": 1, "inputs": {"alias": _NAME}}}
    (await stand.http.post("/workflows", json={"document": document})).raise_for_status()
    (await stand.http.post(f"/workflows/{_NAME}/deploy", json={"note": "chaos"})).raise_for_status()
    chance = random.Random(f"{seed}:mails")
    sent = [*range(number), *(one for one in chance.sample(range(number), again) for _ in range(COPIES))]
    chance.shuffle(sent)
    disturber = Disturber(stand, Mix({}, parts=("api", "worker"), pause_s=(0.0, 0.5)), seed, [])
    # So many between two kills, that none comes when all were sent.
    stretch = len(sent) / kills
    senders = _Senders(stand, seed, sent, lambda: (disturber.killed.total() + 1) * stretch)
    began = time.monotonic()
    sending = asyncio.create_task(senders.run())
    try:
        await disturber.kills(lambda killed: len(senders.done) >= killed * stretch, kills)
        await sending
    except BaseException:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        raise
    seconds = time.monotonic() - began
    await disturber.heal()
    settled = await settle(stand)
    runs = await everything(stand.http, "/runs", workflow=_NAME)
    events = await everything(stand.http, "/inbox", workflow=_NAME)
    started = Counter(str(run["output"]) for run in runs if run["status"] == "succeeded")
    verdicts = Counter(str(event["verdict"]) for event in events)
    lost = [str(one) for one in range(number) if not started[str(one)]]
    twice = [f"{one}: {count} runs" for one, count in started.items() if count > 1]
    each = ", ".join(f"{count} {part}" for part, count in sorted(disturber.killed.items()))
    return Report(
        section="mails",
        about=about,
        seed=seed,
        seconds=round(seconds, 1),
        settled_s=None if settled is None else round(settled, 1),
        lines=[
            Line(f"parts killed that had come up ({each})", disturber.killed.total(), kills),
            Line("mails that heard 250", len(senders.done), len(sent)),
            Line("runs", len(runs), number),
            Line("mails lost after 250", len(lost), 0, tuple(lost[:5])),
            Line("mails with more than one run", len(twice), 0, tuple(twice[:5])),
            Line("events that are neither accepted nor duplicates", sum(verdicts.values()) - verdicts["accepted"] - verdicts["duplicate"]),
            Line("answers that should never have come", len(senders.wrong), 0, tuple(senders.wrong[:5])),
        ],
        disturbances=disturber.made,
        started_anew=disturber.started_anew,
        tables=[Table("mails: answers", ("answer", "count"), [[name, count] for name, count in sorted(senders.answers.items())])],
    )  # fmt: skip


class _Senders:
    """`most`: so many may have been begun by now."""

    def __init__(self, stand: Stand, seed: int, mails: list[int], most: Callable[[], float]) -> None:
        self._stand = stand
        self._seed = seed
        self._mails = iter(mails)
        self._most = most
        self._begun = 0
        self.done: list[int] = []
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []

    async def run(self) -> None:
        await asyncio.gather(*(self._lane(random.Random(f"{self._seed}:{lane}")) for lane in range(LANES)))

    async def _lane(self, chance: random.Random) -> None:
        """One connection at a time, for as long as it holds."""
        client: aiosmtplib.SMTP | None = None
        for number in self._mails:
            self._begun += 1
            while self._begun > self._most():
                await asyncio.sleep(0.05)
            await asyncio.sleep(chance.uniform(*_GAP_S))
            give_up = time.monotonic() + _GIVE_UP_S
            while True:
                try:
                    if client is None:
                        port = self._stand.state.smtp_port
                        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, timeout=60)
                        await client.connect()
                    await client.sendmail(f"{number}@x.example", [f"{_NAME}@localhost"], _mail(number))
                except (aiosmtplib.SMTPException, OSError) as error:
                    self._heard(error)
                    if not isinstance(error, aiosmtplib.SMTPResponseException | aiosmtplib.SMTPRecipientsRefused):
                        if client is not None:
                            client.close()
                        client = None
                    if time.monotonic() > give_up:
                        self.wrong.append(f"{number} was given up; at last: {error}")
                        break
                    await asyncio.sleep(chance.uniform(*_PAUSE_S))
                else:
                    self.answers["250"] += 1
                    self.done.append(number)
                    break
        if client is not None:
            client.close()

    def _heard(self, error: Exception) -> None:
        if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
            error = error.recipients[0]
        code = error.code if isinstance(error, aiosmtplib.SMTPResponseException) else None
        self.answers[type(error).__name__ if code is None else str(code)] += 1
        if code is not None and not 400 <= code < 500:
            self.wrong.append(str(error))


def _mail(number: int) -> bytes:
    return (
        f"From: Sender {number} <{number}@x.example>\r\nTo: {_NAME}@localhost\r\nSubject: {number}\r\n"
        f"Message-ID: <{number}@x.example>\r\n\r\nThe mail with the number {number}.\r\n"
    ).encode()
