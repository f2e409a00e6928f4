"""Replay: the same pipeline over files, in one process and in event time, for tests, backtests and evaluation.

The same input gives the same bytes out, but for the speed in `summary.json`: no clock, no broker, no randomness. Written:

* `accounts.parquet`: an account a row, with the highest evidence it had over the run, and whether it was alerted as extraction;
* `routers.parquet`: a router fingerprint a row;
* `scores.parquet`: every score row, as ClickHouse would have it;
* `alerts.parquet`, `cases.parquet`: every step of an alert, the newest version of a case; `case_versions.parquet`, `case_members.parquet`;
* `alerts.jsonl`, `cases.jsonl`: the records of both topics in order: every step of an alert, every version of a case as what changed in it;
* `rejected.jsonl`: the first 10,000 refused lines without their text: reason, detail, source, position, shape;
* `coverage.json`: how much of each field is known, and what is blind without it;
* `report.html`, `cases/ID.html`: the same to read, in a browser or on paper;
* `summary.json`: events, rejected lines by reason, events a second, entities, bytes of state an account.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from streams.cases.policy import Policy
from streams.core.errors import SettingsError
from streams.core.output import console
from streams.core.settings import Settings
from streams.intake.collector import Collector, Ingested, OutgoingBlock, read_files
from streams.intake.files import LogPath, named_files, size_bytes
from streams.replay import report
from streams.replay.case_rows import alert_rows, case_row, member_rows, newest, version_rows
from streams.replay.coverage import Coverage
from streams.replay.in_process import Pipeline
from streams.schema import blocks, layouts, topics
from streams.schema.blocks import Block
from streams.schema.case_changes import whole
from streams.schema.cases import Alert, Case
from streams.schema.dead_letters import DeadLetter
from streams.schema.names import EntityName
from streams.schema.replay_files import FILES, AccountRow, RefusedLine, RouterRow, ScoreRow, Summary, parquet_table
from streams.stages.stage import Message

MAX_REJECTED_LINES = 10_000
"""Refused lines that `rejected.jsonl` shows, the first ones."""


@dataclass
class Replay:
    """A run of the pipeline over blocks: feed it, then write what came out."""

    partitions: int
    seal_key: bytes
    policy: Policy | None = None
    scores: list[Block] = field(default_factory=list)
    alert_records: list[bytes] = field(default_factory=list)
    case_records: list[bytes] = field(default_factory=list)
    coverage: Coverage | None = None
    """Counts what the requests hold, when it is given: that takes a second look at every block."""

    def __post_init__(self) -> None:
        """Make the pipeline, and listen to all that leaves its stages."""
        self.pipeline = Pipeline(self.partitions, self.seal_key, self._on_message, self.policy)

    def _on_message(self, message: Message) -> None:
        if message.is_tombstone:  # a replay keeps what was written
            return
        if message.topic == topics.REQUESTS and self.coverage is not None:
            self.coverage.add(blocks.decode(message.content, layouts.REQUESTS))
        elif message.topic == topics.SCORES:
            self.scores.append(blocks.decode(message.content, layouts.SCORES))
        elif message.topic == topics.ALERTS:
            self.alert_records.append(message.value)
        elif message.topic == topics.CASES:
            self.case_records.append(message.value)

    @property
    def alerts(self) -> list[Alert]:
        """Every record of the topic `alerts` so far."""
        return [Alert.decode(record) for record in self.alert_records]

    @property
    def cases(self) -> list[Case]:
        """Every version of every case so far, whole."""
        return [Case.decode(record) for record in whole(self.case_records)]

    def feed(self, outgoing: Iterable[OutgoingBlock], until: float = np.inf) -> int:
        """Carry blocks through the pipeline, events after `until` (seconds since 1970) left out. Returns the events carried."""
        events = 0
        for block in outgoing:
            content, count = (block.content, block.events) if until == np.inf else _before(block.content, until)
            if count:
                self.pipeline.feed_round(block.partition, content)
            events += count
        self.pipeline.drain()
        self.pipeline.settle()
        return events

    def accounts(self) -> dict[str, AccountRow]:
        """Return every account's row, by account, sorted."""
        rows: dict[str, AccountRow] = {}
        for stage in self.pipeline.accounts:
            table = stage.table
            for slot in table.slots.tolist():
                rows[table.keys[slot]] = AccountRow(
                    account_id=table.keys[slot],
                    first_seen=float(table["first"][slot]),
                    last_seen=float(table["clock"][slot]),
                    requests=int(table["requests"][slot]),
                    extraction=float(table["best_extraction"][slot]),
                    routing=float(table["best_routing"][slot]),
                )
        self._add_groups(rows)
        self._add_cases(rows)
        return dict(sorted(rows.items()))

    def _add_groups(self, rows: dict[str, AccountRow]) -> None:
        for stage in self.pipeline.groups:
            members = stage.members
            for slot in members.slots.tolist():
                row = rows[members.keys[slot].partition("|")[2]]
                row.extraction = max(row.extraction, float(members["best_extraction"][slot]))

    def _add_cases(self, rows: dict[str, AccountRow]) -> None:
        alerted_at: dict[str, float] = {}
        for alert in self.alerts:
            alerted_at[alert.case_id] = min(alert.time, alerted_at.get(alert.case_id, np.inf))
        for case in self.pipeline.cases.cases.values():
            if case.behaviour != "extraction" or case.muted:
                continue
            for account in case.owners:
                rows[account].warned = True
                rows[account].asked |= case.tier == "ask"
            for account, member in case.members.items():
                row = rows[account]
                if case.tier == "ask":
                    row.asked = True
                    continue
                row.alerted = True
                since = max(member.joined_at, alerted_at.get(case.case_id, member.joined_at))  # it may have joined a question
                row.first_alert_at = min(row.first_alert_at or np.inf, since)
                if case.state != "merged" or row.case_id is None:
                    row.case_id = case.case_id

    def routers(self) -> dict[str, RouterRow]:
        """Return every router fingerprint's row, by id, sorted."""
        alerts = self.alerts
        alerted = {alert.entity_id for alert in alerts if alert.entity_kind == "router"}
        rows: dict[str, RouterRow] = {}
        for stage in self.pipeline.groups:
            for slot in stage.table.slots.tolist():
                kind, name = EntityName.parse(stage.table.keys[slot])
                if kind == "router":
                    first = [alert.time for alert in alerts if alert.entity_id == name and alert.behaviour == "extraction"]
                    rows[name] = RouterRow(
                        router_id=name,
                        accounts=stage.state.size(slot),
                        requests=int(stage.table["requests"][slot]),
                        public=bool(stage.table["is_public_link"][slot]),
                        extraction=float(stage.table["best_extraction"][slot]),
                        routing=float(stage.table["best_routing"][slot]),
                        alerted=name in alerted,
                        first_alert_at=min(first, default=None),
                    )
        return dict(sorted(rows.items()))

    def summary(self, events: int, rejected: Counter[str], seconds: float = math.inf) -> Summary:
        """Return the figures of a run of so many `events` that took so many seconds; all but the speed are the same for the same input."""
        rows = [len(stage.table) for stage in self.pipeline.accounts]
        return Summary(
            events=events,
            rejected=dict(sorted(rejected.items())),
            accounts=sum(rows),
            groups=sum(len(stage.table) for stage in self.pipeline.groups),
            cases=sum(case.state == "open" for case in self.pipeline.cases.cases.values()),
            state_bytes_per_account=self.pipeline.accounts[0].table.bytes_per_row,
            events_per_second=round(events / seconds),
        )

    def write(self, out: Path, summary: Summary | None = None, refused: Iterable[DeadLetter] = ()) -> None:
        """Write every output file; without a summary, no `summary.json`."""
        out.mkdir(parents=True, exist_ok=True)
        cases = newest(self.case_records)
        tables: tuple[tuple[str, Iterable[msgspec.Struct]], ...] = (
            ("accounts.parquet", self.accounts().values()),
            ("routers.parquet", self.routers().values()),
            ("scores.parquet", _scores(self.scores)),
            ("alerts.parquet", alert_rows(self.alert_records)),
            ("cases.parquet", map(case_row, cases)),
            ("case_versions.parquet", version_rows(self.case_records)),
            ("case_members.parquet", chain.from_iterable(map(member_rows, cases))),
        )
        for name, rows in tables:
            pq.write_table(parquet_table([*rows], FILES[name]), out / name)
        for name, messages in (("alerts", self.alert_records), ("cases", self.case_records)):
            (out / f"{name}.jsonl").write_bytes(b"".join(message + b"\n" for message in messages))
        (out / "rejected.jsonl").write_bytes(b"".join(_refusal(letter).encode() + b"\n" for letter in refused))
        if summary is not None:
            (out / "summary.json").write_bytes(msgspec.json.format(summary.encode(), indent=2) + b"\n")


def _scores(score_blocks: Sequence[Block]) -> Iterator[ScoreRow]:
    for block in score_blocks:
        time, requests, extraction, routing = (block.numbers(name).tolist() for name in ("time", "requests", "extraction", "routing"))
        kinds, ids = ((text or "" for text in block.texts(name)) for name in ("entity_kind", "entity_id"))
        maps = (_maps(block, name) for name in ("families", "features", "nats"))
        yield from map(ScoreRow, time, kinds, ids, requests, extraction, routing, *maps)


def _maps(block: Block, column: str) -> list[dict[str, float]]:
    names = block.names("families" if column == "families" else "features")
    return [
        {name: value for name, value in zip(names, row, strict=True) if not math.isnan(value)} for row in block.vectors(column).tolist()
    ]


def _before(content: bytes | Block, until: float) -> tuple[bytes | Block, int]:
    """Return a block without the events after `until`, and without the names that only those mention."""
    block = blocks.decode(content, layouts.REQUESTS)
    kept = np.flatnonzero(block.numbers("time") <= until)
    if len(kept) == len(block):
        return content, len(kept)
    batch = block.take(kept).batch
    texts = {name for name, kind in layouts.REQUESTS.columns.items() if kind == "text"}
    columns = {name: batch[name].cast(pa.string()).dictionary_encode() if name in texts else batch[name] for name in batch.schema.names}
    return layouts.REQUESTS.block(columns), len(kept)


def moment(text: str) -> float:
    """Return an RFC 3339 time, or a day, as seconds since 1970 (UTC unless it says otherwise). Raises SettingsError when it is neither."""
    try:
        time_read = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"--until {text!r} is no time: write 2026-11-21 or 2026-11-21T14:00:00Z"
        raise SettingsError(message) from error
    return (time_read if time_read.tzinfo else time_read.replace(tzinfo=UTC)).timestamp()


def run(
    files: Sequence[LogPath], out: Path, until: str | None = None, log_format: str = "auto", settings: Settings | None = None
) -> Summary:
    """Replay files, and folders of them, into `out` with a progress bar, and return the summary.

    until: event time at which it ends, ISO 8601. Raises SettingsError for what cannot be read.
    """
    settings = settings or Settings.load()
    limit = moment(until) if until else np.inf
    files = named_files(files)
    _prepare(out)
    collector = Collector(settings, log_format)
    rejected: Counter[str] = Counter()
    refused: list[DeadLetter] = []
    policy, coverage = Policy.load(settings.permitted_parties, settings.policy), Coverage()
    replay = Replay(settings.partitions, settings.seal_key.get_secret_value().encode(), policy, coverage=coverage)
    began = time.perf_counter()
    with _progress() as progress:
        bar = progress.add_task("replay", total=sum(map(size_bytes, files)))
        behind = {"bytes": 0, "file": 0}

        def on_ingested(ingested: Ingested, done: int) -> None:
            rejected.update(ingested.rejected)
            refused.extend(ingested.dead[: MAX_REJECTED_LINES - len(refused)])
            behind["bytes"] += done - behind["file"] if done >= behind["file"] else done
            behind["file"] = done
            progress.update(bar, completed=behind["bytes"])

        events = replay.feed(read_files(files, settings, log_format, collector=collector, on_ingested=on_ingested), limit)
    summary = msgspec.structs.replace(
        replay.summary(events, rejected, time.perf_counter() - began), formats=dict(collector.formats.most_common())
    )
    replay.write(out, summary, refused)
    lacking = coverage.report()
    (out / "coverage.json").write_bytes(msgspec.json.format(lacking.encode(), indent=2) + b"\n")
    report.write(out, summary, lacking)
    return summary


def _refusal(letter: DeadLetter) -> RefusedLine:
    return RefusedLine(letter.reason, letter.detail, letter.source, letter.position, letter.line.decode())


def _prepare(out: Path) -> None:
    """Make the output folder before the work, not after it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"--out {out} cannot be made ({error.strerror}): name a directory that can be written") from error


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console(stderr=True))
