"""The groups stage: accounts that share a router, a card, a template or a behaviour are one entity, and light ones add up.

groups block -> members -> (at ticks) group features -> families -> what each member shows of them -> evidence, scores, verdicts
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.accumulators.step import Floats
from models.evidence import weighing as evidence
from models.evidence.weighing import FAMILIES
from models.state.columns import Columns, Field, Slots
from streams.core.durations import DAY
from streams.features.members import Members
from streams.features.registry import features
from streams.schema import blocks, topics
from streams.schema.blocks import Block
from streams.stages import attribution, shadow_detectors
from streams.stages.shadow_detectors import Watch
from streams.stages.stage import Message

LEAST_MEMBERS = 3
GROWTH = 0.05
PAUSE = 60.0
"""A group is scored when it has 5 % more requests and 60 s of event time have passed since, whichever is later."""
CATCH_UP = 0.2
HALF_LIFE = 7 * DAY
WINDOW = 600.0
LEAST_WINDOWS = 36
"""Windows of ten minutes, and how many make a load-balance index: six hours."""
COMMON_SHARE = 0.02
COMMON_LEAST = 50
"""A link that this share of all accounts has, and that shows nothing of its own, is public: it links nobody."""
COMMON_POOLED = 0.5
"""Unless this share of its members shows a pool itself: of hundreds of people some always share a card, or begin as others stop."""
EVIDENCE_FLOOR = 5.0
SUSPECT_FOR = DAY
"""How long a suspect member has no vote on what is ordinary, from the last time that it looked suspect."""
MEMBER_STEP = 1.0
"""Nats by which a member's evidence must move before the cases stage hears of it again."""
SCORE_ROW_PAUSE = 600.0
UPGRADED = 0.8
"""Share of a router's accounts of the last day that must show one new stack for it to be the router's upgrade."""

_Judge = Callable[[Floats], Floats]
"""Evidence of extraction, (entities,), from families, (entities, families), as a group's purpose and purses let it be read."""

_LINKS = ("payment", "organization", "router", "template")
_HASHES = (*_LINKS, "subnet", "tools")
_RARITIES = ("template_rarity", "router_rarity", "subnet_rarity", "tools_rarity")
_TIMES = ("created", "account_first")
_STATES = (*_TIMES, "account_begun", "account_jobs", "age_rank", "template_share", "job_share", "harvest_share", "single_turn", *_RARITIES)
_POOLED = [FAMILIES.index(name) for name in ("evenness", "cohort", "payment")]
_SEPARATOR = "|"


class Groups:
    """The groups of one partition of `groups`."""

    def __init__(self, partition: int, partitions: int, seal_key: bytes) -> None:
        """Start empty. `seal_key` seals the River models that are stored with the state."""
        self.partition = partition
        self._partitions = partitions
        self.features = features("group")
        self._names = {"features": [feature.name() for feature in self.features], "families": list(FAMILIES)}
        self._watch = Watch("groups", self.features, seal_key, routers=True)
        self.table = Columns("groups", _GROUP_FIELDS | self._watch.fields)
        self.members = Columns("members", _MEMBER_FIELDS)
        self._index: dict[int, list[int]] = {}
        self._counts = {"rows": 0.0, "repeated": 0.0, "group_ticks": 0.0}

    # -- the stage contract

    def apply(self, value: bytes, offset: int) -> list[Message]:
        """Count a block of `groups` and return the rows it gives rise to. Raises BlockLayoutError before anything changed."""
        block = blocks.decode(value, blocks.GROUPS)
        if not len(block):
            return []
        groups, slots = self._intern(block)
        sent = block.numbers("offset")
        new = sent > self.members["counted"][slots]
        self._counts["rows"] += float(new.sum())
        self._counts["repeated"] += float((~new).sum())
        if not new.all():
            kept = np.flatnonzero(new)
            block, groups, slots = block.take(kept), groups[kept], slots[kept]
        if not len(block):
            return []
        self._count(block, groups, slots)
        self.members.touch(slots, offset)
        self.table.touch(groups, offset)
        out = _Outbox(offset)
        for group in np.unique(groups[block.hashes("router_next") != 0]).tolist():
            self._follow(group, out)
        for group in self._due(np.unique(groups)).tolist():
            self._score(group, out)
        return self._messages(out)

    def dirty(self) -> Mapping[str, int]:
        """Return the chunks to write, with the offset that first changed each."""
        return {**self.table.dirty(), **self.members.dirty(), **self._watch.dirty()}

    def dump(self, chunk: str) -> bytes:
        """Return one chunk as bytes; it is clean afterwards."""
        if self._watch.holds(chunk):
            return self._watch.dump(chunk)
        return (self.table if chunk.startswith("groups/") else self.members).dump(chunk)

    def load(self, chunks: Iterable[tuple[str, bytes]]) -> None:
        """Take over stored chunks; who belongs to which group is read from the members' keys."""
        stored = list(chunks)
        for table in (self.table, self.members):
            table.load([item for item in stored if item[0].startswith(f"{table.name}/")])
        self._watch.load(stored)
        slots = self.members.slots
        groups = self.table.intern([self.members.keys[slot].partition(_SEPARATOR)[0] for slot in slots.tolist()])
        for group, slot in zip(groups.tolist(), slots.tolist(), strict=True):
            self._index.setdefault(group, []).append(slot)

    def counters(self) -> Mapping[str, float]:
        """Return what was counted since the stage was made."""
        cold = self.table.cold_chunks + self.members.cold_chunks + self._watch.cold
        newest = float(self.table["clock"].max())
        held = {"groups": len(self.table), "members": len(self.members), "state_bytes": self.table.nbytes + self.members.nbytes}
        return {**self._counts, **held, "newest": newest, "cold_chunks": cold}

    # -- counting

    def _intern(self, block: Block) -> tuple[Slots, Slots]:
        group_words, account_words = block.words("group_id"), block.words("account_id")
        group_codes, account_codes = block.codes("group_id").tolist(), block.codes("account_id").tolist()
        groups = self.table.intern(group_words)[block.codes("group_id")]
        pairs = zip(group_codes, account_codes, strict=True)
        keys = [f"{group_words[group]}{_SEPARATOR}{account_words[account]}" for group, account in pairs]
        before = [key in self.members for key in keys]
        slots = self.members.intern(keys)
        for known, group, slot in zip(before, groups.tolist(), slots.tolist(), strict=True):
            if not known:
                self._index.setdefault(group, []).append(slot)
        return groups, slots

    def _count(self, block: Block, groups: Slots, slots: Slots) -> None:
        members, table = self.members, self.table
        time, requests = block.numbers("time").astype(np.float64), block.numbers("requests").astype(np.float64)
        clock = np.maximum(members["last"][slots], time)
        with np.errstate(invalid="ignore"):
            kept = np.where(np.isfinite(members["last"][slots]), np.exp2((members["last"][slots] - clock) / HALF_LIFE), 0.0)
        members["requests"][slots] = members["requests"][slots] * kept + requests * np.exp2((time - clock) / HALF_LIFE)
        members["total"][slots] += requests
        members["begun"][slots] += block.numbers("begun")
        members["jobs"][slots] += block.numbers("jobs")
        self._count_windows(groups, slots, np.floor(time / WINDOW), block.numbers("begun").astype(np.float64))
        members["output_tokens"][slots] += block.numbers("output_tokens")
        members["first"][slots] = np.minimum(members["first"][slots], time)
        members["last"][slots] = clock
        members["counted"][slots] = block.numbers("offset")
        for name in _STATES:
            members[name][slots] = block.numbers(name)
        for name in (*_HASHES, "router_next"):
            members[name][slots] = block.hashes(name)
        members["next_accounts"][slots] = block.numbers("next_accounts")
        members["fills"][slots] = block.hashes("fills")
        members["own"][slots], members["raw"][slots] = block.vectors("own"), block.vectors("raw")
        np.maximum.at(table["clock"], groups, clock)
        np.add.at(table["requests"], groups, requests)
        table["population"][groups] = block.numbers("population")

    def _count_windows(self, groups: Slots, slots: Slots, window: Floats, begun: Floats) -> None:
        """Sum up squares of what groups, and their members, began in each window: what a load-balance index is made of.

        groups, slots, window, begun: (rows,), a member once at most. What comes late counts in the window that is open.
        """
        table, members = self.table, self.members
        later = window > members["window"][slots]
        held = members["in_window"][slots].astype(np.float64)
        np.add.at(table["member_squares"], groups, np.where(later, held**2, 0.0))
        members["in_window"][slots] = np.where(later, begun, held + begun)
        members["window"][slots] = np.maximum(window, members["window"][slots])
        each, which = np.unique(groups, return_inverse=True)
        newest = np.full(len(each), -np.inf)
        np.maximum.at(newest, which, window)
        work, later = np.bincount(which, begun), newest > table["window"][each]
        held = table["in_window"][each]
        table["squares"][each] += np.where(later, held**2, 0.0)
        table["in_window"][each] = np.where(later, work, held + work)
        table["window"][each] = np.maximum(newest, table["window"][each])
        table["first_window"][each] = np.minimum(newest, table["first_window"][each])

    def _balance(self, group: int, slots: Slots) -> float:
        """Return the variance of a group's windows over the sum of its members' variances; NaN before there are enough windows."""
        table, windows = self.table, float(self.table["window"][group] - self.table["first_window"][group])
        if windows < LEAST_WINDOWS:
            return np.nan
        begun = self.members["begun"][slots] - self.members["in_window"][slots]
        apart = float(table["member_squares"][group]) / windows - float(((begun / windows) ** 2).sum())
        together = float(table["squares"][group]) / windows - float(begun.sum() / windows) ** 2
        return together / apart if apart > 0 and together > 0 else np.nan

    # -- scoring

    def _due(self, groups: Slots) -> Slots:
        requests, then = self.table["requests"][groups], self.table["tick_requests"][groups]
        waited = self.table["clock"][groups] - self.table["tick_time"][groups] >= PAUSE
        enough = np.array([len(self._index[group]) >= LEAST_MEMBERS for group in groups.tolist()])
        grown = requests >= then * (1 + GROWTH)
        much = requests >= then * (1 + CATCH_UP)  # old events read in a hurry do not move the clock
        due: Slots = groups[enough & ((waited & grown) | much)]
        return due

    def _score(self, group: int, out: _Outbox) -> None:
        self._counts["group_ticks"] += 1
        table, members = self.table, self.view(group)
        values = np.array([feature.value(members) for feature in self.features], np.float64)
        nats = np.array([_nats(feature, value) for feature, value in zip(self.features, values, strict=True)])
        families = attribution.group_families(self.features, nats)
        shown = attribution.member_families(members, families)
        judge = partial(
            evidence.extraction,
            purpose=attribution.purpose(self.features, values, nats),
            purses=attribution.purses(members),
        )
        common = self._is_common(group, families, shown)
        table["common"][group] = common
        extraction = 0.0 if common else float(judge(families[None])[0])
        routing = 0.0 if common else float(evidence.routing(families[None])[0])
        table["best_extraction"][group] = max(table["best_extraction"][group], extraction)
        table["best_routing"][group] = max(table["best_routing"][group], routing)
        table["tick_requests"][group], table["tick_time"][group] = table["requests"][group], table["clock"][group]
        row = self._row(group, members, extraction, routing, families) | {"features": values[None], "nats": nats[None]}
        if self._worth_a_row(group, extraction, members.now):
            out.scores.append({name: row[name] for name in blocks.SCORES.columns})
            if row["entity_kind"] == ["router"]:
                self._look(group, row, out)
        if max(extraction, routing) >= EVIDENCE_FLOOR:
            unknown = np.full((1, len(self.features)), np.nan)
            out.evidence.append(row | {"usual_low": unknown, "usual_high": unknown})
        self._announce(group, out)
        if not common:
            self._tell_of_members(group, members, shown, judge, out)

    def view(self, group: int) -> Members:
        """Return a group's members as its features see them."""
        slots = self._slots(group)
        held = {name: self.members[name][slots] for name in _VIEWED}
        held["requests"] = held["requests"] * np.exp2((held["last"] - float(self.table["clock"][group])) / HALF_LIFE)
        kind, balance = self.table.keys[group].partition(":")[0], self._balance(group, slots)
        return Members(kind=kind, now=float(self.table["clock"][group]), balance=balance, **held)

    def _slots(self, group: int) -> Slots:
        return np.array(self._index.get(group, ()), np.int64)

    def _is_common(self, group: int, families: Floats, shown: Floats) -> bool:
        """Say whether this link is public: many accounts have it, few of them show a pool, and the usual one shows no channel.

        families: (families,), the group's. shown: (members, families), what of it each member shows itself.
        """
        many = len(shown) >= max(COMMON_LEAST, COMMON_SHARE * float(self.table["population"][group]))
        pooled = (shown[:, _POOLED] >= evidence.SPOKEN).any(axis=1).mean()
        return bool(many and pooled < COMMON_POOLED and evidence.routing(families[None])[0] < EVIDENCE_FLOOR)

    # -- what leaves

    def _row(self, group: int, members: Members, extraction: float, routing: float, families: Floats) -> dict[str, Any]:
        kind, _, name = self.table.keys[group].partition(":")
        return {
            "time": np.array([members.now]),
            "entity_kind": [kind],
            "entity_id": [name],
            "requests": np.array([float(self.table["requests"][group])]),
            "extraction": np.array([extraction]),
            "routing": np.array([routing]),
            "false_alerts": np.array([np.nan]),
            "families": families[None],
            "account_id": [None],
            "accounts": np.array([float(len(members))]),
            "common": np.array([float(self.table["common"][group])]),
            "population": np.array([float(self.table["population"][group])]),
            "output_tokens": np.array([float(members.output_tokens.sum())]),
            "first": np.array([float(members.first.min())]),
            **{link: np.array([_shared_by_all(getattr(members, link))], np.uint64) for link in _LINKS},
        }

    def _worth_a_row(self, group: int, extraction: float, now: float) -> bool:
        table = self.table
        moved = abs(extraction - float(table["scored"][group])) >= MEMBER_STEP
        if not moved and now - float(table["scored_time"][group]) < SCORE_ROW_PAUSE:
            return False
        table["scored"][group], table["scored_time"][group] = extraction, now
        return True

    def _look(self, group: int, row: dict[str, Any], out: _Outbox) -> None:
        """Ask the models that watch routers; those under the floor of evidence teach them what routers are like."""
        calm = np.array([row["extraction"][0] < EVIDENCE_FLOOR])
        said = self._watch.look(self.table, np.array([group]), row["features"], calm, out.offset)
        said["router"] = np.array([self._watch.look_at_router(int(row["entity_id"][0], 16), row["features"][0], out.offset)])
        shadow = shadow_detectors.rows(said, row["time"], row["entity_kind"], row["entity_id"])
        if shadow is not None:
            out.shadow.append(shadow)

    def _announce(self, group: int, out: _Outbox) -> None:
        """Tell every partition of accounts, once, that a template is shared."""
        kind, _, name = self.table.keys[group].partition(":")
        if kind == "template" and not self.table["announced"][group]:
            self.table["announced"][group] = 1
            out.templates.append(int(name, 16))

    def _follow(self, group: int, out: _Outbox) -> None:
        """Tell every partition of accounts, once, that a new stack is this router's upgrade: most of its accounts went there within a day.

        Not for public routers, and not when the new stack has more accounts of its own than came: it would be theirs, not ours.
        """
        kind, _, name = self.table.keys[group].partition(":")
        if kind != "router" or self.table["common"][group]:
            return
        slots = self._slots(group)
        lately = slots[self.members["last"][slots] >= self.table["clock"][group] - DAY]
        values, counts = np.unique(self.members["router_next"][lately], return_counts=True)
        enough = (values != 0) & (counts >= max(LEAST_MEMBERS, UPGRADED * len(lately)))
        for upgrade in values[enough & (values != self.table["upgrade"][group])].tolist():  # one at most
            movers = lately[self.members["router_next"][lately] == upgrade]
            if float(self.members["next_accounts"][movers].mean()) * self._partitions < len(movers):
                self.table["upgrade"][group] = upgrade
                out.upgrades.append((int(name, 16), upgrade, float(self.table["clock"][group])))

    def _tell_of_members(self, group: int, members: Members, families: Floats, judge: _Judge, out: _Outbox) -> None:
        """Note what the cases stage and the accounts' own partitions must hear of the members."""
        table, slots = self.members, self._slots(group)
        extraction = judge(families)
        outside = attribution.outsiders(members, extraction >= evidence.SUSPECT)
        if outside.any():  # who is outside shows only once it is known who would be suspect
            families = np.where(outside[:, None], np.nan_to_num(members.own), families)
            extraction = judge(families)
        routing = evidence.routing(families)
        table["best_extraction"][slots] = np.maximum(table["best_extraction"][slots], extraction)
        suspect = extraction >= evidence.SUSPECT
        moved = np.abs(extraction - table["told"][slots]) >= MEMBER_STEP
        more = table["total"][slots] >= table["told_requests"][slots] * (1 + GROWTH)
        told = np.flatnonzero((suspect | (table["told"][slots] >= evidence.SUSPECT)) & (moved | more))
        if not len(told):
            return
        table["told"][slots[told]], table["told_requests"][slots[told]] = extraction[told], table["total"][slots[told]]
        accounts = [_account(self.members.keys[slot]) for slot in slots[told].tolist()]
        out.suspects.update((account, members.now + SUSPECT_FOR) for account, held in zip(accounts, suspect[told], strict=True) if held)
        kind, _, name = self.table.keys[group].partition(":")
        nothing = np.full((len(told), len(self.features)), np.nan, np.float32)
        out.evidence.append(
            {
                "time": members.last[told],
                "entity_kind": [kind] * len(told),
                "entity_id": [name] * len(told),
                "account_id": accounts,
                "accounts": np.full(len(told), float(len(members))),
                "common": np.zeros(len(told)),
                "population": np.full(len(told), float(self.table["population"][group])),
                "requests": members.total[told],
                "output_tokens": members.output_tokens[told],
                "first": members.first[told],
                "extraction": extraction[told],
                "routing": routing[told],
                "false_alerts": np.full(len(told), np.nan),
                "families": families[told],
                **dict.fromkeys(("features", "nats", "usual_low", "usual_high"), nothing),
                **{link: getattr(members, link)[told] for link in _LINKS},
            }
        )

    def _messages(self, out: _Outbox) -> list[Message]:
        """Return what a block gave rise to, one message a topic and partition."""
        messages = []
        if out.scores:
            messages.append(Message(topics.SCORES, self.partition, blocks.SCORES.encode(_stacked(out.scores), self._names)))
        if out.evidence:
            messages.append(Message(topics.EVIDENCE, 0, blocks.EVIDENCE.encode(_stacked(out.evidence), self._names)))
        messages += [Message(topics.SHADOW, self.partition, block) for block in out.shadow]
        for home in range(self._partitions):
            mine = {account: until for account, until in out.suspects.items() if zlib.crc32(account.encode()) % self._partitions == home}
            rows: list[tuple[str | None, int, int, int, float]] = [(account, 0, 0, 0, until) for account, until in mine.items()]
            rows += [(None, template, 0, 0, np.nan) for template in out.templates]
            rows += [(None, 0, router, upgrade, at) for router, upgrade, at in out.upgrades]
            if rows:
                columns = dict(zip(blocks.VERDICTS.columns, map(list, zip(*rows, strict=True)), strict=True))
                messages.append(Message(topics.VERDICTS, home, blocks.VERDICTS.encode(columns)))
        return messages


@dataclass
class _Outbox:
    """What the groups of one block have to say."""

    offset: int
    shadow: list[bytes] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    evidence: list[dict[str, Any]] = field(default_factory=list)
    templates: list[int] = field(default_factory=list)
    upgrades: list[tuple[int, int, float]] = field(default_factory=list)
    suspects: dict[str, float] = field(default_factory=dict)


def _stacked(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the columns of several parts as one."""
    first = parts[0]
    return {
        name: [value for part in parts for value in part[name]]
        if isinstance(first[name], list)
        else np.concatenate([part[name] for part in parts])
        for name in first
    }


def _account(member: str) -> str:
    return member.partition(_SEPARATOR)[2]


def _nats(feature: Any, value: float) -> float:
    return np.nan if feature.nats is None or np.isnan(value) else float(feature.nats(value))


def _shared_by_all(values: NDArray[np.uint64]) -> int:
    """Return the value if all members have the same, else 0."""
    return int(values[0]) if len(values) and (values == values[0]).all() else 0


_VIEWED = ("requests", "total", "begun", "jobs", "output_tokens", "first", "last", *_STATES, *_HASHES, "fills", "own", "raw")

_GROUP_FIELDS = {
    "clock": Field("f8", -np.inf),
    "requests": Field("f8"),
    "window": Field("f8", -np.inf),
    "first_window": Field("f8", np.inf),
    "in_window": Field("f8"),
    "squares": Field("f8"),
    "member_squares": Field("f8"),
    "population": Field("f4"),
    "tick_requests": Field("f8"),
    "tick_time": Field("f8", -np.inf),
    "scored_time": Field("f8", -np.inf),
    "scored": Field("f4"),
    "common": Field("u1"),
    "announced": Field("u1"),
    "upgrade": Field("u8"),  # the stack that was last announced as this router's
    "best_extraction": Field("f4"),
    "best_routing": Field("f4"),
}

_MEMBER_FIELDS = {
    "counted": Field("f8", -1.0),  # offset of the newest request block counted: rows that come again change nothing
    "requests": Field("f4"),
    "total": Field("f8"),
    "begun": Field("f8"),
    "window": Field("f8", -np.inf),
    "in_window": Field("f4"),
    "jobs": Field("f8"),
    "output_tokens": Field("f8"),
    "first": Field("f8", np.inf),
    "last": Field("f8", -np.inf),
    **{name: Field("f8" if name in _TIMES else "f4", np.nan) for name in _STATES},
    **{name: Field("u8") for name in (*_HASHES, "router_next")},
    "next_accounts": Field("f4"),
    "fills": Field("u8", width=blocks.SHINGLES),
    "own": Field("f4", np.nan, labels=FAMILIES),
    "raw": Field("f4", np.nan, labels=FAMILIES),
    "told": Field("f4"),
    "told_requests": Field("f8"),
    "best_extraction": Field("f4"),
}
