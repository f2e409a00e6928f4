"""The erasure of an account: state, topics and rows, in this order, so that nothing writes it again.

1. the command travels through the stages, which remove the account, also what they have written of it on compacted topics, and report
   (`streams.stages.erasures`);
2. tombstones remove the labels on the account;
3. the store writes all records of before; then the account's rows are deleted from every table.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams.clickhouse.account_rows import AccountRows
from streams.clickhouse.client import ClickHouse
from streams.clickhouse.rows import STORED
from streams.core.errors import HydrometerError
from streams.core.settings import Settings
from streams.exports.erasure_ledger import ErasureLedger
from streams.kafka import progress
from streams.kafka.log_range import open_consumer
from streams.schema import topics
from streams.schema.erasures import ErasureReport, Kept, Receipt
from streams.schema.signatures import Signatures
from streams.stages import erasures
from streams.stages.erased_accounts import ERASURE_MEMORY_SECONDS

POLL_SECONDS: Final = 1.0


class UnfinishedErasureError(HydrometerError):
    """An erasure took too long: a stage or the store does not run. What was erased stays erased; the command can be repeated."""


@dataclass(frozen=True)
class ErasureOrder:
    """Who wants which account erased, and why."""

    account: str
    by: str
    note: str = ""


def erase(settings: Settings, clickhouse: ClickHouse, order: ErasureOrder, wait_seconds: float) -> Receipt:
    """Erase an account from everything but the cases under legal hold. Waits for the workers and for ClickHouse.

    Args:
        settings: Settings with the workers' signing key.
        clickhouse: Client of a user that may delete rows.
        order: The account, and who wants it erased.
        wait_seconds: Time that each of the three steps may take.

    Raises:
        UnfinishedErasureError: If a stage does not report, or the store is behind, after `wait_seconds`.
        BrokerUnavailableError: If Kafka does not answer.
        StoreUnavailableError: If ClickHouse does not answer, or does not delete in time.
        SettingsError: If no signing key is set.
        LedgerError: If the ledger of erasures cannot be written. Nothing was erased then.
    """
    ErasureLedger(settings).add(order.account)
    request, began = secrets.token_hex(8), time.time()
    with topics.answering(settings):
        reports = _erase_state(settings, request, order.account, began + settings.future_skew_seconds, wait_seconds)
        held = sorted({case for report in reports for case in report.held})
        rows = AccountRows(clickhouse, order.account, held)
        tombstones = _remove_labels(settings, rows.label_ids())
        _wait_for_store(settings, wait_seconds)
    deleted = rows.delete(wait_seconds)
    return Receipt(
        account=order.account,
        request=request,
        at=_iso(began),
        by=order.by,
        note=order.note,
        state=_by_stage(reports),
        rows=deleted,
        tombstones=tombstones,
        kept=[*_held(held), *_kept(began, time.time())],
    )


# -- state


def _erase_state(settings: Settings, request: str, account: str, reach: float, wait_seconds: float) -> list[ErasureReport]:
    """Send the command, and return the reports of all stages.

    reach: what is dated up to it, epoch seconds, is of before the command, for a gateway's clock may be so much ahead.
    """
    signatures = Signatures.of(settings, "worker")
    tp = TopicPartition(topics.ERASURES, 0)
    with closing(open_consumer(settings)) as consumer:
        consumer.assign([tp])
        consumer.seek(tp, consumer.end_offsets([tp])[tp])
        consumer.position(tp)
        home = topics.partition_of(account, settings.partitions)
        command = erasures.command(request, account, reach)
        with _producer(settings) as producer:
            headers = signatures.sign(topics.FEEDBACK, None, command)
            producer.send(topics.FEEDBACK, value=command, headers=headers, partition=home).get(timeout=topics.SEND_TIMEOUT_SECONDS)
        reports: dict[tuple[str, int], ErasureReport] = {}
        missing = _expected(settings, home)
        for report in _reports(consumer, signatures, request, wait_seconds):
            reports[report.stage, report.partition] = report
            missing.discard((report.stage, report.partition))
            if not missing:
                return list(reports.values())
    stages = ", ".join(sorted({stage for stage, _ in missing}))
    raise UnfinishedErasureError(f"no report of {stages} after {wait_seconds:.0f} s: start the workers, and run the command again")


def _expected(settings: Settings, home: int) -> set[tuple[str, int]]:
    """Return stage and partition of every report that an erasure must have."""
    partitions = range(settings.partitions)
    return {
        (topics.ACCOUNTS_AGENT, home),
        *((stage, number) for stage in (topics.GROUPS_AGENT, topics.CASES_AGENT) for number in partitions),
    }


def _reports(consumer: KafkaConsumer, signatures: Signatures, request: str, wait_seconds: float) -> Iterator[ErasureReport]:
    give_up = time.monotonic() + wait_seconds
    while time.monotonic() < give_up:
        for records in consumer.poll(timeout_ms=int(POLL_SECONDS * 1000)).values():
            for record in records:
                if signatures.refusal(topics.ERASURES, record.key, record.value, record.headers) is None:
                    report = ErasureReport.decode(record.value)
                    if report.request == request:
                        yield report


def _by_stage(reports: Iterable[ErasureReport]) -> dict[str, dict[str, int]]:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for report in reports:
        counts[report.stage].update(report.removed)
    return {stage: dict(removed) for stage, removed in sorted(counts.items())}


# -- topics


def _remove_labels(settings: Settings, label_ids: Sequence[str]) -> dict[str, int]:
    """Write tombstones for labels; return how many by topic."""
    with _producer(settings) as producer:
        for sent in [producer.send(topics.LABELS, key=label_id.encode(), value=None, partition=0) for label_id in sorted(label_ids)]:
            sent.get(timeout=topics.SEND_TIMEOUT_SECONDS)
    return {topics.LABELS: len(label_ids)} if label_ids else {}


def _wait_for_store(settings: Settings, wait_seconds: float) -> None:
    """Wait until the store has written all records that are on its topics now."""
    group, ends, give_up = topics.group_of(topics.STORE_AGENT), topics.ends(settings, STORED), time.monotonic() + wait_seconds
    while not progress.passed(settings, group, ends):
        if time.monotonic() > give_up:
            message = f"the store is behind after {wait_seconds:.0f} s: rows of before would come back; run the command again when it runs"
            raise UnfinishedErasureError(message)
        time.sleep(POLL_SECONDS)


@contextmanager
def _producer(settings: Settings) -> Iterator[KafkaProducer]:
    with closing(KafkaProducer(acks="all", **topics.client_options(settings))) as producer:
        yield producer


# -- what is kept


def _held(cases: Iterable[str]) -> list[Kept]:
    return [Kept(f"case {case}", f"it is under legal hold: after `hydrometer case release {case}` run the command again") for case in cases]


def _kept(began: float, ended: float) -> list[Kept]:
    """Return what ends by itself, and when."""
    ending = [
        Kept(f"records of before on the topic {topic.name}", "Kafka cannot delete single records: they end with the topic's retention",
             _iso(ended, timedelta(hours=topic.retention_hours)))
        for topic in topics.TOPICS if topic.names_accounts and not topic.compacted
    ]  # fmt: skip
    compacted = [topic.name for topic in topics.TOPICS if topic.names_accounts and topic.compacted]
    changelogs = [topics.changelog(agent) for agent in (topics.ACCOUNTS_AGENT, topics.GROUPS_AGENT, topics.CASES_AGENT)]
    return [
        *ending,
        Kept(f"earlier records on {', '.join([*compacted, *changelogs])}", "replaced or removed: they end with compaction",
             _iso(ended, timedelta(hours=topics.COMPACTED_WITHIN_HOURS))),
        Kept("earlier values in the files of the workers' state folders", "no reader returns them: they end as RocksDB compacts"),
        Kept("the deletions themselves in `system.mutations`", "ClickHouse keeps the words of a table's newest 100, with the id"),
        Kept("a keyed hash of the account id in the state of accounts", "so that requests still on topics are not counted again",
             _iso(began, timedelta(seconds=ERASURE_MEMORY_SECONDS))),
        Kept("counts over many accounts: votes of before, trained detectors, requests per minute", "no account can be named from them"),
        Kept("backups made before", "`hydrometer restore` erases the account again: keep the ledger of erasures as long as they"),
        Kept("findings and bundles outside of Hydrometer", "they were handed out before: ask who has them"),
    ]  # fmt: skip


def _iso(seconds: float, later: timedelta = timedelta()) -> str:
    return (datetime.fromtimestamp(seconds, UTC) + later).isoformat(timespec="seconds")
