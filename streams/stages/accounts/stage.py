"""The accounts stage: all accounts of a block are updated at once, and those with enough new requests are scored.

requests block -> counting -> (accounts that are due) scoring -> votes -> rows for groups, scores, evidence
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import suppress
from functools import lru_cache

import numpy as np

from models.accumulators.grouped_events import GroupedEvents
from models.durations import DAY
from models.state.columns import Slots
from streams.core.errors import BlockLayoutError
from streams.features.bank import Bank
from streams.features.registry import features
from streams.schema import blocks, layouts, topics
from streams.schema.believable_times import believable
from streams.schema.blocks import Block
from streams.schema.dead_letters import DeadLetter
from streams.stages import erasures
from streams.stages.accounts import group_rows
from streams.stages.accounts.archive import Archive, Retention
from streams.stages.accounts.claims import ClaimVotes
from streams.stages.accounts.counting import Counting
from streams.stages.accounts.delayed_feedback import DelayedFeedback, takes_effect
from streams.stages.accounts.group_rows import GroupRows
from streams.stages.accounts.links import AccountLinks
from streams.stages.accounts.score_rows import ScoreRows
from streams.stages.accounts.scoring import Scoring
from streams.stages.accounts.state import AccountState, account_fields
from streams.stages.accounts.templates import AccountTemplates
from streams.stages.accounts.votes import Votes
from streams.stages.chunks import Chunks
from streams.stages.erased_accounts import ERASURE_MEMORY_SECONDS, ErasedAccounts
from streams.stages.erasures import Erasure
from streams.stages.repeats import RecentEvents
from streams.stages.reporting import SUSPECT_SECONDS
from streams.stages.shadow_detectors import ShadowDetectors
from streams.stages.stage import Message


@lru_cache(maxsize=4)
def _feedback(value: bytes) -> Block:
    """Decode a record of feedback. A partition's tally goes to all others: those of one process decode it once."""
    return blocks.decode(value, layouts.FEEDBACK, layouts.TALLIES, layouts.ERASURES)


class Accounts:
    """The accounts of one partition of `requests`."""

    def __init__(
        self,
        partition: int,
        partitions: int,
        seal_key: bytes,
        archive: MutableMapping[str, bytes] | None = None,
        shingle_cells: int = 1 << 18,
        retention: Retention = Retention(),  # noqa: B008 (it cannot be changed)
    ) -> None:
        """Start empty.

        Args:
            partition: Number of this partition, from 0.
            partitions: Number of partitions of `requests`.
            seal_key: Key that signs the stored shadow models, at least 16 bytes.
            archive: Store for idle accounts, as durable as the chunks; None for one in memory.
            shingle_cells: Rows of the table of prompt shingles, a power of two.
            retention: How many accounts are kept, and for how long.
        """
        self.features = features("account")
        bank = Bank(self.features, group_rows.GROUP_READINGS.values())
        shadow = ShadowDetectors("accounts", self.features, seal_key)
        fields = bank.fields() | shadow.fields | account_fields([feature.name() for feature in self.features])
        self.state = AccountState(partition, partitions, fields)
        self.table = self.state.table
        self.templates = AccountTemplates(self.state, shingle_cells)
        self.links = AccountLinks(self.state)
        self.claims = ClaimVotes(self.state, self.links)
        self.votes = Votes(self.state, self.links, self.features)
        self.archive = Archive(self.state, self.links, self.votes, self.claims, {} if archive is None else archive, retention)
        self.counting = Counting(self.state, bank, self.templates, self.links, self.claims)
        self.scoring = Scoring(self.state, bank, self.votes, self.features)
        self.group_rows = GroupRows(self.state, bank, self.links)
        self.score_rows = ScoreRows(self.state, self.votes, shadow, self.features)
        self.erased = ErasedAccounts(seal_key)
        tables = (
            *self.templates.recurring.tables,
            self.templates.public_until,
            self.counting.releases.table,
            self.links.aliases.table,
            self.votes.tallies.table,
        )
        self.chunks = Chunks((self.table, *tables, self.erased.table), shadow)
        self.recent = RecentEvents()
        self._waiting_suspects = DelayedFeedback[str, float]()
        self._kept_seconds, self._next_end = retention.kept_seconds, -np.inf
        self._counts = {"events": 0.0, "ticks": 0.0, "replayed": 0.0, "duplicates": 0.0, "left_out": 0.0, "unbelievable": 0.0}

    def apply(self, value: bytes | Block, offset: int) -> list[Message]:
        """Count a block of `requests` whose times are believed, and return the resulting messages.

        Raises:
            BlockLayoutError: Before anything changed, if the block cannot be decoded.
        """
        return self._apply(blocks.decode(value, layouts.REQUESTS), offset)

    def apply_arrived(self, value: bytes, offset: int, arrival: float) -> list[Message]:
        """Count the events of a block that can have happened by its `arrival` (epoch seconds).

        Of the others one dead letter says how many there are.

        Raises:
            BlockLayoutError: Before anything changed, if the block cannot be decoded.
        """
        block = blocks.decode(value, layouts.REQUESTS)
        good = believable(block.numbers("time"), arrival)
        if good.all():
            return self._apply(block, offset)
        refused = int((~good).sum())
        self._counts["unbelievable"] += refused
        detail = f"{refused} of {len(block)} events happened long after or before their record arrived"
        letter = DeadLetter("time_skew", detail, topics.REQUESTS, f"{self.state.partition}/{offset}")
        message = Message(topics.DEAD_LETTERS, self.state.partition, letter.line, headers=tuple(letter.headers()))
        return [message, *self._apply(block.take(np.flatnonzero(good)), offset)]

    def _apply(self, block: Block, offset: int) -> list[Message]:
        aliases = block.aliases()
        block = self.erased.without(block)
        self.state.offset = offset
        block = self._without_repetitions(block)
        if not len(block):
            return []
        slots = self.archive.intern(block.words("account_id"))[block.codes("account_id")]
        if (slots < 0).any():
            self._counts["left_out"] += float((slots < 0).sum())
            block, slots = block.take(np.flatnonzero(slots >= 0)), slots[slots >= 0]
            if not len(block):
                return []
        moved = self.links.follow_keys(aliases)
        self.counting.observe(block)
        block, slots = self._not_counted_yet(block, slots)
        if not len(block):
            return self._rows_for_groups(moved)
        grouped = GroupedEvents.of(slots, block.numbers("time").astype(np.float64), self.table["clock"])
        self.scoring.make_due_soon(self.counting.count(block, grouped))
        self.state.advance(grouped)
        self._suspect(self._waiting_suspects.due(self.state.newest))
        self._counts["events"] += len(block)
        messages = self._score(self.scoring.due(grouped.slots), self.scoring.settled(float(np.median(grouped.times))))
        messages += self._rows_for_groups(moved) + self.votes.announce()
        self.erased.expire(self.state.newest, offset)
        self._end_daily(offset)
        self.archive.evict(safe_offset=min(self.dirty().values(), default=offset))
        return messages

    def recall(self, value: bytes, offset: int) -> None:
        """Note the events of a block that is contained in the state: a later one that repeats them counts nothing."""
        self.recent.recall(value, offset)

    def apply_feedback(self, value: bytes | Block, offset: int) -> list[Message]:  # noqa: ARG002 (feedback is a state: its offset counts nothing)
        """Apply what the groups stage reports (suspects, shared templates, upgrades of routers), a tally of another partition, or erasures.

        All of these are states: a repeat changes nothing.

        Raises:
            BlockLayoutError: Before anything changed, if the block cannot be decoded.
        """
        block = value if isinstance(value, Block) else _feedback(value)
        if block.layout is layouts.ERASURES:
            return self._erase(block)
        if block.layout is layouts.TALLIES:
            self.votes.receive(block)
            return []
        self.links.rename(block)
        self.templates.share(block.hashes("template"))
        self.templates.publish(block.hashes("template"), block.numbers("until").astype(np.float64))
        self._let_suspects_wait(block)
        return []

    def recall_feedback(self, value: bytes, since: float) -> None:
        """Let suspects and a tally wait again that were read before, if they take effect later than `since`, epoch seconds.

        All else of the feedback took effect when it was read.

        Raises:
            BlockLayoutError: Before anything changed, if the block cannot be decoded.
        """
        block = _feedback(value)
        if block.layout is layouts.FEEDBACK:
            self._let_suspects_wait(block, since)
        elif block.layout is layouts.TALLIES and len(block) and takes_effect(float(block.numbers("time")[0])) > since:
            self.votes.receive(block)

    @property
    def newest(self) -> float:
        """Return the newest event time of the state, in epoch seconds; minus infinity without any."""
        return float(self.state.newest)

    def reach(self, value: bytes) -> float:
        """Return the median event time of a block that is not applied yet, epoch seconds; minus infinity for one that cannot be read."""
        with suppress(BlockLayoutError):
            times = layouts.decode_keys(value).numbers("time")
            return float(np.median(times)) if len(times) and np.isfinite(times).all() else -math.inf
        return -math.inf

    def dirty(self) -> Mapping[str, int]:
        """Return the chunks to write, with the offset of the first change of each."""
        return self.chunks.dirty()

    def dump(self, chunk: str) -> bytes:
        """Return one chunk as bytes; it is clean afterwards."""
        return self.chunks.dump(chunk)

    def load(self, chunks: Iterable[tuple[str, bytes]]) -> None:
        """Load stored chunks; counts over accounts are rebuilt from the accounts' rows."""
        self.chunks.load(chunks)
        for counted in (self.links, self.votes, self.claims, self.state, self.templates):
            counted.reload()

    def counters(self) -> Mapping[str, float]:
        """Return what was counted since the stage was made, and its size."""
        table = self.table
        size = {"entities": len(table), "state_bytes_per_entity": table.bytes_per_row, "state_bytes": self.chunks.nbytes}
        return {**self._counts, **self.archive.counts, **size, "newest": self.state.newest, "cold_chunks": self.chunks.unreadable_chunks}

    def _let_suspects_wait(self, block: Block, since: float = -math.inf) -> None:
        """Let the suspects of a block wait that take effect later than `since`."""
        ends = block.numbers("until").astype(np.float64).tolist()
        for account, end in zip(block.texts("account_id"), ends, strict=True):
            if account is not None and takes_effect(end - SUSPECT_SECONDS) > since:
                self._waiting_suspects.add(account, end - SUSPECT_SECONDS, end)

    def _end_daily(self, offset: int) -> None:
        """Once a day of event time, forget shingles and upgrades of routers that are older than an account is kept."""
        if self.state.newest < self._next_end:
            return
        self._next_end = self.state.newest + DAY
        for table in (self.templates.recurring, self.links.aliases):
            table.end(self.state.newest - self._kept_seconds, offset)

    def _without_repetitions(self, block: Block) -> Block:
        """Return the rows of a block that stand in the topic for the first time."""
        repeated = self.recent.repeated(block, self.state.offset)
        if not repeated.any():
            return block
        self._counts["duplicates"] += float(repeated.sum())
        return block.take(np.flatnonzero(~repeated))

    def _erase(self, block: Block) -> list[Message]:
        """Remove accounts, and hand the erasures on to the groups, after every row of theirs that was sent before."""
        messages, reaches = [], []
        for erasure in erasures.read(block):
            reach = self._reach(erasure)
            removed = self.archive.erase(erasure.account, reach)
            self.erased.add(erasure.account, erasure.time, self.state.offset)
            messages.append(erasures.report(erasure, topics.ACCOUNTS_AGENT, self.state.partition, {"accounts": removed}))
            reaches.append(reach)
        onward = erasures.handed_on(block, self.state.partition, reaches)
        return messages + [Message(topics.GROUPS, partition, onward) for partition in range(self.state.partitions)]

    def _reach(self, erasure: Erasure) -> float:
        """Return until when an account is erased, epoch seconds.

        What is here when a command comes is of before, however wrong the clock that dated it. A command that was obeyed, or is older than
        the memory of that, comes again: what began after its time is new.
        """
        is_new = not self.erased.contains(erasure.account, erasure.time) and erasure.time > self.state.newest - ERASURE_MEMORY_SECONDS
        return max(erasure.time, self.archive.began(erasure.account)) if is_new else erasure.time

    def _not_counted_yet(self, block: Block, slots: Slots) -> tuple[Block, Slots]:
        """Return the rows that their accounts do not contain yet: after a crash blocks are repeated."""
        not_applied = self.table.not_applied(slots, self.state.offset)
        if not_applied.all():
            return block, slots
        self._counts["replayed"] += float((~not_applied).sum())
        return block.take(np.flatnonzero(not_applied)), slots[not_applied]

    def _score(self, due: Slots, settled: Slots) -> list[Message]:
        """Score these accounts, update their votes, and return their rows.

        Those that have settled take no work to the groups: after a crash others would, and when a row of work ends must not depend on that.
        """
        slots = np.union1d(due, settled)
        if not len(slots):
            return []
        self._counts["ticks"] += len(slots)
        self.votes.apply_due_tallies()
        scores = self.scoring.score(slots)
        self.votes.cast(slots, scores.values, scores.levels, scores.extraction)
        self.scoring.record(scores, due, settled)
        self.table.touch(settled, self.state.offset)
        shown = self.score_rows.due(scores)
        messages = self._rows_for_groups(due) + self.group_rows.rows(np.setdiff1d(settled, due), with_work=False)
        messages += self.score_rows.scores(scores, shown) + self.score_rows.shadow(scores, shown) + self.score_rows.evidence(scores)
        self.score_rows.mark_sent(scores, shown)
        return messages

    def _rows_for_groups(self, slots: Slots) -> list[Message]:
        """Return the rows of these accounts for the groups stage, and begin to count the work until their next ones."""
        messages = self.group_rows.rows(slots)
        if messages:
            self.group_rows.mark_sent(slots)
        return messages

    def _suspect(self, until: Mapping[str, float]) -> None:
        """Mark this partition's accounts among these as suspect until the given times (epoch seconds), and remove their votes."""
        accounts = [account for account in until if account in self.table]
        if accounts:
            slots = self.table.intern(accounts)
            self.claims.withdraw(slots)
            self.votes.withdraw(slots)
            self.state.suspect(slots, [until[account] for account in accounts])
