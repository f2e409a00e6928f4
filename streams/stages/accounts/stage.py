"""The accounts stage: every account of a block is updated at once, and those with enough that is new are scored.

requests block -> accumulators -> (at ticks) features -> tails -> families -> rows for groups, scores, evidence
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.accumulators.frequent import CELLS, frequent, usual
from models.accumulators.lowest import lowest
from models.accumulators.mixing import mix
from models.accumulators.recurring import Recurring
from models.accumulators.step import Floats, Step
from models.evidence import calibration, weighing
from models.evidence.client_claims import KEYS, Claims, weight
from models.evidence.prevalence import Prevalence
from models.evidence.releases import Releases
from models.evidence.vote_exchange import Tallies
from models.evidence.weighing import CAP, FAMILIES, FLOOR, FamilySum, Reference
from models.state.columns import Columns, Field, Slots, StateLayoutError
from streams.core.errors import BlockLayoutError
from streams.features import derived
from streams.features.bank import Bank
from streams.features.events import Events, hash_word
from streams.features.expressions import col
from streams.features.readings import share
from streams.features.registry import features
from streams.schema import blocks, topics
from streams.schema.blocks import Block, Hashes
from streams.stages import router_upgrades, shadow_detectors
from streams.stages.accounts.clients import Clients
from streams.stages.shadow_detectors import Watch
from streams.stages.stage import Message

FIRST_REQUESTS = 8
"""An account is scored on each of its first requests, and votes from then on."""
GROWTH = 0.1
PAUSE = 60.0
"""Later it is scored when it has 10 % more requests and 60 s of event time have passed since, whichever is later."""
SCORE_ROW_PAUSE = 600.0
"""Seconds of event time between score rows of an account whose evidence has not moved by SCORE_ROW_STEP nats."""
SCORE_ROW_STEP = 1.0
TALLY_PAUSE = 600.0
"""Seconds of event time after which a partition tells the others again how its accounts vote."""
EVIDENCE_FLOOR = 5.0
"""Nats from which an account's own evidence is worth a row to the cases stage."""
MOST_SHARED = 1 << 16
FILLS = blocks.SHINGLES
"""Prompts of an account that are sampled, to see whether a group's accounts ask the same."""
LEAST_USES = 2
"""Prompts that must show a template before an account is one of its users."""
EVICT_AT_ONCE = 64
EVICT_PAUSE = 3600.0

_SINGLE_TURN = share(col.message_count <= derived.ONE_TURN)  # a question, or a system prompt and a question
_OWN_TEMPLATE = share(col.own_template)
_OWN_JOB = share(col.own_job)
_HARVEST = share(col.harvested)
_COUNTED = ("router", "subnet", "tools")
"""Links whose spread over all accounts is counted: what many share links nobody."""
_SPREAD = (*_COUNTED, "payment")
"""And the card, so that a payer's accounts have one vote together on what is usual for a client."""


class Accounts:
    """The accounts of one partition of `requests`."""

    def __init__(
        self,
        partition: int,
        partitions: int,
        seal_key: bytes,
        archive: MutableMapping[str, bytes] | None = None,
        idle_seconds: float = 14 * 24 * 3600.0,
        shingle_cells: int = 1 << 18,
    ) -> None:
        """Start empty. Accounts idle for `idle_seconds` of event time move to `archive` and come back from it.

        `seal_key` seals the River models that are stored with the state.
        """
        self.partition = partition
        self._partitions = partitions
        self._archive: MutableMapping[str, bytes] = {} if archive is None else archive
        self._idle_seconds = idle_seconds
        self.features = features("account")
        self._bank = Bank(self.features, (_SINGLE_TURN, _OWN_TEMPLATE, _OWN_JOB, _HARVEST))
        names = [feature.name() for feature in self.features]
        self._names = {"features": names, "families": list(FAMILIES)}
        self._half = np.array([feature.shrink for feature in self.features])
        self._families = FamilySum([feature.family for feature in self.features])
        self.reference = Reference([feature.limits for feature in self.features], [feature.direction for feature in self.features])
        self.levels = weighing.level_reference()
        self.tail = calibration.Tail()
        self._tallies = Tallies(weighing.BINS)
        self._histograms = [
            *(f"{feature.name()} {feature.limits}" for feature in self.features),
            *(f"level of {name}" for name in FAMILIES),
            "score",
        ]
        self._prevalence = Prevalence(_SPREAD)
        self._claims = Claims()
        self.aliases = router_upgrades.Aliases()
        self._age = names.index("account_age") if "account_age" in names else -1
        self._watch = Watch("accounts", self.features, seal_key)
        self.table = Columns("accounts", self._bank.fields() | self._watch.fields | _kept(names, self.reference.no_vote))
        self._recurring = Recurring(shingle_cells)
        self._releases = Releases()
        self._shared: Hashes = np.zeros(0, np.uint64)
        self._newest = -np.inf
        self._look_again = -np.inf
        self._tallied = -np.inf
        self._offset = -1
        self._counts = {"events": 0.0, "ticks": 0.0, "replayed": 0.0, "evicted": 0.0, "restored": 0.0}

    # -- the stage contract

    def apply(self, value: bytes, offset: int) -> list[Message]:
        """Count a block of `requests` and return the rows it gives rise to. Raises BlockLayoutError before anything changed."""
        block = blocks.decode(value, blocks.REQUESTS)
        self._offset = offset
        if not len(block):
            return []
        names = block.words("account_id")
        slots = self._intern(names)[block.codes("account_id")]
        self._observe(block, offset)
        fresh = self.table.fresh(slots, offset)
        if not fresh.all():
            self._counts["replayed"] += float((~fresh).sum())
            block, slots = block.take(np.flatnonzero(fresh)), slots[fresh]
            if not len(block):
                return []
        step = Step.of(slots, block.numbers("time").astype(np.float64), self.table["clock"])
        self._count(block, step)
        self.table.touch(step.slots, offset)
        self._newest = max(self._newest, float(step.clock.max()))
        self._counts["events"] += len(block)
        messages = self._tick(self._due(step.slots), offset) + self._tally()
        self._evict(offset)
        return messages

    def apply_second(self, value: bytes, offset: int) -> list[Message]:  # noqa: ARG002 (verdicts are states: their offsets count nothing)
        """Note who is suspect, which templates are shared, which stacks are upgrades, and how the accounts of other partitions vote.

        All of these are states: repeats change nothing.
        """
        block = blocks.decode(value, blocks.VERDICTS, blocks.TALLIES)
        if block.layout is blocks.TALLIES:
            self._hear(block)
            return []
        self._rename(block)
        self._shared = np.union1d(self._shared, block.hashes("template")[block.hashes("template") != 0])[-MOST_SHARED:]
        until = dict(zip(block.texts("account_id"), block.numbers("until").tolist(), strict=True))
        accounts = [account for account in until if account is not None and account in self.table]
        if not accounts:
            return []
        slots = self.table.intern(accounts)
        self.table["suspect_until"][slots] = np.fmax(self.table["suspect_until"][slots], [until[account] for account in accounts])
        self._withdraw(slots)
        self.table.touch(slots, self._offset)
        return []

    def dirty(self) -> Mapping[str, int]:
        """Return the chunks to write, with the offset that first changed each."""
        found: dict[str, int] = {}
        for table in self._tables:
            found.update(table.dirty())
        return found | dict(self._watch.dirty())

    def dump(self, chunk: str) -> bytes:
        """Return one chunk as bytes; it is clean afterwards."""
        if self._watch.holds(chunk):
            return self._watch.dump(chunk)
        name = chunk.partition("/")[0]
        return next(table for table in self._tables if table.name == name).dump(chunk)

    def load(self, chunks: Iterable[tuple[str, bytes]]) -> None:
        """Take over stored chunks; the reference is recounted from the accounts' own votes."""
        stored = list(chunks)
        self.table.load([item for item in stored if item[0].startswith("accounts/")])
        self._recurring.load(stored)
        self._releases.table.load([item for item in stored if item[0].startswith("models/")])
        self.aliases.table.load([item for item in stored if item[0].startswith("aliases/")])
        self.aliases.reread()
        self._tallies.table.load([item for item in stored if item[0].startswith("tallies/")])
        self._count_others()
        self._watch.load(stored)
        self.reference.recount(self.table["votes"])
        self.levels.recount(self.table["level_votes"])
        self.tail.recount(self.table["score_vote"])
        self._claims.recount(self.table["claim_votes"], self.table["claim_weight"])
        for name in _SPREAD:
            self._prevalence.recount(name, self.table[name][self.table.slots])
        if len(self.table):
            self._newest = float(self.table["clock"][self.table.slots].max())

    def counters(self) -> Mapping[str, float]:
        """Return what was counted since the stage was made."""
        cold = sum(table.cold_chunks for table in self._tables) + self._watch.cold
        held = {"entities": len(self.table), "state_bytes_per_entity": self.table.bytes_per_row, "newest": self._newest}
        return {**self._counts, **held, "cold_chunks": cold, "state_bytes": sum(table.nbytes for table in self._tables)}

    @property
    def _tables(self) -> tuple[Columns, ...]:
        return (self.table, *self._recurring.tables, self._releases.table, self.aliases.table, self._tallies.table)

    # -- counting

    def _intern(self, names: list[str]) -> Slots:
        for name in names:
            if name not in self.table and name in self._archive:
                self._restore(name)
        return self.table.intern(names)

    def _restore(self, name: str) -> None:
        try:
            self.table.restore(self._archive[name])
        except StateLayoutError:
            return
        if name not in self.table:
            return
        self._counts["restored"] += 1
        slot = np.array([self.table.find(name)])
        self.table["router"][slot] = self.aliases.first(self.table["router"][slot])
        for reference, column in ((self.reference, "votes"), (self.levels, "level_votes")):
            votes = self.table[column][slot]
            reference.revote(np.full_like(votes, reference.no_vote), votes)
        for kind in _SPREAD:
            self._prevalence.exchange(kind, np.zeros(1, np.uint64), self.table[kind][slot])

    def _observe(self, block: Block, offset: int) -> None:
        """Count the shingles of all rows, those replayed too: the table of shingles knows by itself which of them it contains."""
        accounts = np.array([hash_word(name) for name in block.words("account_id")], np.uint64)[block.codes("account_id")]
        times = block.numbers("time").astype(np.float64)
        self._recurring.observe(block.hashes("shingles"), accounts, float(times.max()), offset)
        self._releases.observe(block.words("response_model"), block.codes("response_model"), accounts, times, offset)

    def _count(self, block: Block, step: Step) -> None:
        found = self._recurring.templates(block.hashes("shingles"))
        harvest = np.where(derived.purposeful(block)[:, None] > 0, derived.pieces(found), np.uint64(0))
        self._choose_template(step, harvest[step.order])
        own = self.table["template"][step.slots][step.entity]
        clients, times = Clients.of(block), block.numbers("time").astype(np.float64)
        told = {
            "new_model": self._releases.new(block.words("response_model"), block.codes("response_model"), times),
            "claim_misfit": self._claims.misfit(clients.claim, clients.connection, clients.head),
        }
        routers = self.aliases.first(block.hashes("router"))[step.order]
        events = Events(block, step, derived.columns(block, step, found, self._shared, own, told) | {"hash of router": routers})
        self._bank.fold(self.table, events)
        self._keep(events)
        self._follow_routers(clients, step, routers)
        self._vote_on_clients(clients, step)

    def _choose_template(self, step: Step, pieces: Hashes) -> None:
        """Let what most of an account's harvesting prompts show stand for its template. pieces: (events, 8), in step order."""
        table, slots = self.table, step.slots
        held, votes = frequent(table["pieces"][slots], table["piece_votes"][slots], step.entity, pieces)
        table["pieces"][slots], table["piece_votes"][slots] = held, votes
        table["template"][slots], table["template_votes"][slots] = usual(held, votes)
        share = self._recurring.shares(table["template"][slots])
        known = np.flatnonzero(share)
        table["template_rarity"][slots[known]] = -np.log(share[known])

    def _keep(self, events: Events) -> None:
        """Keep the newest known links, and what is new since the account's last row for its groups."""
        step = events.step
        for name, column in _NEWEST.items():
            hashes = events.hashed(column)
            known = np.flatnonzero(hashes)
            before = self.table[name][step.slots]
            self.table[name][step.slots[step.entity[known]]] = hashes[known]
            if name in _SPREAD:
                self._prevalence.exchange(name, before, self.table[name][step.slots])
        created = events.number("account_created")
        known = np.flatnonzero(~np.isnan(created))
        self.table["created"][step.slots[step.entity[known]]] = created[known]
        self.table["new_requests"][step.slots] += step.counts
        for name, column in (("begun", "begun"), ("jobs", "job")):
            added = np.add.reduceat(events.number(column), step.starts)
            self.table[name][step.slots] += added
            self.table[f"new_{name}"][step.slots] += added
        prompts = np.where(events.number("purposeful") > 0, mix(events.hashed("simhash")), np.uint64(0))
        self.table["fills"][step.slots] = lowest(self.table["fills"][step.slots], step.entity, prompts)
        output = np.nan_to_num(events.number("output_tokens"))
        self.table["new_output"][step.slots] += np.add.reduceat(output, step.starts)
        self.table["output"][step.slots] += np.add.reduceat(output, step.starts)

    def _follow_routers(self, clients: Clients, step: Step, routers: Hashes) -> None:
        """Keep each account's router, which outlives an upgrade. routers: (events,), in step order, under their first names."""
        known = np.flatnonzero(routers)
        newest = np.full(len(step.slots), -1)
        newest[step.entity[known]] = known
        rows = newest[newest >= 0]
        slots = step.slots[step.entity[rows]]
        before = self.table["router"][slots]
        stacks = clients.parts(step.order[rows])
        begun = router_upgrades.follow(self.table, slots, routers[rows], stacks, step.times[rows])
        self._prevalence.exchange("router", before, self.table["router"][slots])
        # the groups are to hear of it within the day, not when the account has grown by a tenth
        self.table["tick_requests"][begun] /= 1 + GROWTH

    def _rename(self, block: Block) -> None:
        """Count under its first name what the groups found to be an upgrade, and the accounts that have it already."""
        found, firsts = block.hashes("upgrade"), block.hashes("router")
        for row in np.flatnonzero(found).tolist():
            self.aliases.learn(int(found[row]), int(firsts[row]), float(block.numbers("until")[row]), self._offset)
        if found.any():
            slots = self.table.slots
            before, following = self.table["router"][slots], self.table["router_next"][slots]
            after, ahead = self.aliases.first(before), self.aliases.first(following)
            ahead = np.where(ahead == after, np.uint64(0), ahead)
            changed = slots[(after != before) | (ahead != following)]
            self._prevalence.exchange("router", before, after)
            self.table["router"][slots], self.table["router_next"][slots] = after, ahead
            self.table.touch(changed, self._offset)

    def _vote_on_clients(self, clients: Clients, step: Step) -> None:
        """Let each account say by its newest request what a client that claims the same shows; the suspect have no vote."""
        newest = step.order[step.starts + step.counts - 1]
        may = self.table["suspect_until"][step.slots] < step.clock
        votes = np.where(may[:, None], clients.votes(newest), np.uint64(0))
        changed = np.flatnonzero((votes != self.table["claim_votes"][step.slots]).any(axis=1))
        slots = step.slots[changed]
        self._exchange_claims(slots, votes[changed], weight(self._prevalence.accounts("payment", self.table["payment"][slots])))

    def _exchange_claims(self, slots: Slots, votes: Hashes, weights: Floats) -> None:
        table = self.table
        self._claims.exchange(table["claim_votes"][slots], table["claim_weight"][slots], votes, weights)
        table["claim_votes"][slots], table["claim_weight"][slots] = votes, weights

    # -- scoring

    def _due(self, slots: Slots) -> Slots:
        requests, then = self.table["requests"][slots], self.table["tick_requests"][slots]
        waited = self.table["clock"][slots] - self.table["tick_time"][slots] >= PAUSE
        due: Slots = slots[(then < FIRST_REQUESTS) | (waited & (requests >= then * (1 + GROWTH)))]
        return due

    def _tick(self, slots: Slots, offset: int) -> list[Message]:
        if not len(slots):
            return []
        self._counts["ticks"] += len(slots)
        table = self.table
        values, events = self._bank.read(table, slots)
        nats = self.reference.tails(values)
        trusted = weighing.trust(events, self._half)
        levels, believed = self._families.of(nats, trusted)
        raw = np.clip(self.levels.tails(levels), FLOOR, CAP)
        own = raw * believed
        table["raw"][slots], table["own"][slots] = raw, own
        extraction, routing = weighing.extraction(own, alone=True), weighing.routing(own)
        for name, found in (("best_extraction", extraction), ("best_routing", routing)):
            table[name][slots] = np.maximum(table[name][slots], found)
        self._vote(slots, self._may_vote(slots, extraction), values, levels)
        self._calibrate(slots, extraction)
        rank = self.reference.rank(self._age, values[:, self._age]) if self._age >= 0 else np.full(len(slots), np.nan)
        table["age_rank"][slots] = rank
        messages = self._to_groups(slots, offset)
        weighted = nats * trusted
        messages += self._scores(slots, extraction, routing, values, weighted, offset)
        messages += self._evidence(slots, extraction, routing, values, weighted)
        table["tick_requests"][slots] = table["requests"][slots]
        table["tick_time"][slots] = table["clock"][slots]
        return messages

    def _may_vote(self, slots: Slots, extraction: Floats) -> NDArray[np.bool_]:
        """Say which of these accounts have a vote: not the newest, and not the suspect."""
        table = self.table
        innocent = (table["suspect_until"][slots] < table["clock"][slots]) & (extraction < weighing.SUSPECT)
        may: NDArray[np.bool_] = (table["requests"][slots] >= FIRST_REQUESTS) & innocent
        return may

    def _vote(self, slots: Slots, may: NDArray[np.bool_], values: Floats, levels: Floats) -> None:
        """Exchange what these accounts say is ordinary, of features and of families' levels, for what they say now."""
        for reference, column, found in ((self.reference, "votes", values), (self.levels, "level_votes", levels)):
            ballots = np.where(may[:, None], reference.bins(found), reference.no_vote).astype(np.uint8)
            reference.revote(self.table[column][slots], ballots)
            self.table[column][slots] = ballots

    def _calibrate(self, slots: Slots, extraction: Floats) -> None:
        """Exchange these accounts' scores for those they have now. Only groups make suspects here: their own would cut it."""
        table = self.table
        may = (table["requests"][slots] >= FIRST_REQUESTS) & (table["suspect_until"][slots] < table["clock"][slots])
        ballots = self.tail.ballots(extraction, may)
        self.tail.revote(table["score_vote"][slots], ballots)
        table["score_vote"][slots] = ballots

    def _withdraw(self, slots: Slots) -> None:
        """Take the votes of these accounts back."""
        self._exchange_claims(slots, np.zeros((len(slots), 2 * KEYS), np.uint64), np.zeros(len(slots)))
        self.tail.revote(self.table["score_vote"][slots], np.full(len(slots), calibration.NO_VOTE, np.uint8))
        self.table["score_vote"][slots] = calibration.NO_VOTE
        for reference, column in ((self.reference, "votes"), (self.levels, "level_votes")):
            votes = self.table[column][slots]
            reference.revote(votes, np.full_like(votes, reference.no_vote))
            self.table[column][slots] = reference.no_vote

    # -- what all partitions' accounts vote

    def _tally(self) -> list[Message]:
        """Tell every other partition now and then how the accounts of this one vote."""
        if self._newest - self._tallied < TALLY_PAUSE or self._partitions == 1:
            return []
        self._tallied = self._newest
        votes = np.vstack([self.reference.votes, self.levels.votes, self.tail.votes])
        rows = len(votes)
        block = blocks.TALLIES.encode(
            {
                "time": np.full(rows, self._newest),
                "source": np.full(rows, float(self.partition)),
                "histogram": self._histograms,
                "votes": votes,
            }
        )
        return [Message(topics.VERDICTS, home, block) for home in range(self._partitions) if home != self.partition]

    def _hear(self, block: Block) -> None:
        """Take over how another partition's accounts vote. Raises BlockLayoutError before anything changed when it is no count of votes."""
        if not len(block):
            return
        source, time, votes = float(block.numbers("source")[0]), float(block.numbers("time")[0]), block.vectors("votes")
        if votes.shape[1] != weighing.BINS or not (np.isfinite(votes) & (votes >= 0)).all():
            raise BlockLayoutError(f"a tally has {weighing.BINS} counts of votes a histogram, none below zero")
        if source not in range(self._partitions) or not np.isfinite(time):
            raise BlockLayoutError("a tally names its partition, and the time to which it counts")
        if source != self.partition:
            self._tallies.hear(int(source), [str(name) for name in block.texts("histogram")], votes, time, self._offset)
            self._count_others()

    def _count_others(self) -> None:
        found = self._tallies.total(self._histograms)
        features, families = len(self.features), len(FAMILIES)
        self.reference.others, self.levels.others, self.tail.others = found[:features], found[features : features + families], found[-1]

    # -- what leaves

    def _to_groups(self, slots: Slots, offset: int) -> list[Message]:
        """Return each account's news to its groups, one block a partition of `groups`."""
        table = self.table
        linked = [
            ("router", slots[table["router"][slots] != 0], table["router"]),
            ("payment", slots[table["payment"][slots] != 0], table["payment"]),
            ("template", slots[(table["template"][slots] != 0) & (table["template_votes"][slots] >= LEAST_USES)], table["template"]),
        ]
        rows = np.concatenate([chosen for _, chosen, _ in linked])
        if not len(rows):
            return []
        named = [_group(kind, value, self._partitions) for kind, chosen, column in linked for value in column[chosen].tolist()]
        homes = np.array([home for _, home in named])
        order = np.argsort(homes, kind="stable")
        rows, ids = rows[order], [named[row][0] for row in order.tolist()]
        reader = self._bank.reader(table, rows)
        columns: dict[str, Any] = {
            "time": table["clock"][rows],
            "population": np.full(len(rows), float(len(table) * self._partitions), np.float32),
            "source": np.full(len(rows), self.partition, np.float32),
            "offset": np.full(len(rows), float(offset)),
            "requests": table["new_requests"][rows],
            "begun": table["new_begun"][rows],
            "jobs": table["new_jobs"][rows],
            "output_tokens": table["new_output"][rows],
            "account_first": table["first"][rows],
            "account_begun": table["begun"][rows],
            "account_jobs": table["jobs"][rows],
            "template_share": _OWN_TEMPLATE.read(reader)[0],
            "single_turn": _SINGLE_TURN.read(reader)[0],
            "job_share": _OWN_JOB.read(reader)[0],
            "harvest_share": _HARVEST.read(reader)[0],
        }
        columns["router_next"] = table["router_next"][rows]
        columns["next_accounts"] = self._prevalence.accounts("router", table["router_next"][rows])
        columns |= {f"{name}_rarity": self._prevalence.rarity(name, table[name][rows], len(table)) for name in _COUNTED}
        columns |= {name: table[name][rows] for name in _HANDED_ON}
        columns |= {"group_id": ids, "account_id": [table.keys[slot] for slot in rows.tolist()]}
        table["new_requests"][slots] = 0.0
        table["new_begun"][slots] = 0.0
        table["new_jobs"][slots] = 0.0
        table["new_output"][slots] = 0.0
        sizes = np.bincount(homes, minlength=self._partitions).tolist()
        parts = blocks.GROUPS.encode_parts(columns, sizes)
        return [Message(topics.GROUPS, home, data) for home, data in enumerate(parts) if data]

    def _scores(self, slots: Slots, extraction: Floats, routing: Floats, values: Floats, nats: Floats, offset: int) -> list[Message]:
        table = self.table
        waited = table["clock"][slots] - table["scored_time"][slots] >= SCORE_ROW_PAUSE
        moved = np.abs(extraction - table["scored"][slots]) >= SCORE_ROW_STEP
        chosen = np.flatnonzero(waited | moved)
        if not len(chosen):
            return []
        rows = slots[chosen]
        table["scored_time"][rows], table["scored"][rows] = table["clock"][rows], extraction[chosen]
        columns = self._common(rows) | {"extraction": extraction[chosen], "routing": routing[chosen], "families": table["own"][rows]}
        columns |= {"features": values[chosen], "nats": nats[chosen]}
        messages = [Message(topics.SCORES, self.partition, blocks.SCORES.encode(columns, self._names))]
        said = self._watch.look(table, rows, values[chosen], table["votes"][rows, 0] != self.reference.no_vote, offset)
        shadow = shadow_detectors.rows(said, columns["time"], columns["entity_kind"], columns["entity_id"])
        return messages if shadow is None else [*messages, Message(topics.SHADOW, self.partition, shadow)]

    def _evidence(self, slots: Slots, extraction: Floats, routing: Floats, values: Floats, nats: Floats) -> list[Message]:
        chosen = np.flatnonzero(np.maximum(extraction, routing) >= EVIDENCE_FLOOR)
        if not len(chosen):
            return []
        table, rows = self.table, slots[chosen]
        usual = np.broadcast_to(self.reference.usual(), (len(rows), len(self.features), 2))
        columns = self._common(rows) | {
            "account_id": [None] * len(rows),
            "accounts": np.ones(len(rows)),
            "common": np.zeros(len(rows)),
            "population": np.full(len(rows), float(len(table) * self._partitions)),
            "output_tokens": table["output"][rows],
            "first": table["first"][rows],
            "extraction": extraction[chosen],
            "routing": routing[chosen],
            "false_alerts": self.tail.false_alerts(extraction[chosen]),
            "families": table["own"][rows],
            "features": values[chosen],
            "nats": nats[chosen],
            "usual_low": usual[:, :, 0],
            "usual_high": usual[:, :, 1],
        }
        columns |= {name: table[name][rows] for name in ("payment", "organization", "router", "template")}
        return [Message(topics.EVIDENCE, 0, blocks.EVIDENCE.encode(columns, self._names))]

    def _common(self, rows: Slots) -> dict[str, Any]:
        return {
            "time": self.table["clock"][rows],
            "entity_kind": ["account"] * len(rows),
            "entity_id": [self.table.keys[slot] for slot in rows.tolist()],
            "requests": self.table["requests"][rows],
        }

    # -- forgetting

    def _evict(self, offset: int) -> None:
        """Look once an hour of event time for idle accounts, and move a few a block to the archive."""
        if self._newest < self._look_again:
            return
        safe = min(self.dirty().values(), default=offset)
        found = self.table.idle(self.table["clock"] < self._newest - self._idle_seconds, safe)
        for key in found[:EVICT_AT_ONCE]:
            slot = np.array([self.table.find(key)])
            self._withdraw(slot)
            for kind in _SPREAD:
                self._prevalence.exchange(kind, self.table[kind][slot], np.zeros(1, np.uint64))
            self._archive[key] = self.table.evict(key, offset)
            self._counts["evicted"] += 1
        if len(found) <= EVICT_AT_ONCE:
            self._look_again = self._newest + EVICT_PAUSE


_LINKS = {
    "router": "router",
    "payment": "payment",
    "organization": "organization_id",
    "subnet": "client_network",
    "tools": "tool_hash",
}
"""What an account is linked by, and the column that it comes from."""
_NEWEST = {name: column for name, column in _LINKS.items() if name != "router"}
"""What it keeps the newest of: a router outlives an upgrade."""
_HANDED_ON = ("created", "age_rank", *_LINKS, "template", "template_rarity", "fills", "own", "raw")


@lru_cache(maxsize=1 << 16)
def _group(kind: str, value: int, partitions: int) -> tuple[str, int]:
    """Return a group's id, and its partition."""
    name = f"{kind}:{value:016x}"
    return name, topics.partition_of(name, partitions)


def _kept(names: list[str], no_vote: int) -> dict[str, Field]:
    """Return what an account keeps beside its accumulators."""
    return {
        "tick_requests": Field("f8"),
        "tick_time": Field("f8", -np.inf),
        "scored_time": Field("f8", -np.inf),
        "scored": Field("f4"),
        **{name: Field("u8") for name in _LINKS},
        **router_upgrades.FIELDS,
        "created": Field("f8", np.nan),
        "age_rank": Field("f4", np.nan),
        "pieces": Field("u8", width=CELLS),
        "piece_votes": Field("f4", width=CELLS),
        "template": Field("u8"),
        "template_votes": Field("f4"),
        "template_rarity": Field("f4"),
        "best_extraction": Field("f4"),
        "best_routing": Field("f4"),
        "output": Field("f8"),
        "new_requests": Field("f8"),
        "fills": Field("u8", width=FILLS),
        "begun": Field("f8"),
        "jobs": Field("f8"),
        "new_begun": Field("f8"),
        "new_jobs": Field("f8"),
        "new_output": Field("f8"),
        "suspect_until": Field("f8", -np.inf),
        "votes": Field("u1", no_vote, labels=tuple(names)),
        "level_votes": Field("u1", no_vote, labels=FAMILIES),
        "score_vote": Field("u1", calibration.NO_VOTE),
        "claim_votes": Field("u8", width=2 * KEYS),
        "claim_weight": Field("f8"),
        "own": Field("f4", np.nan, labels=FAMILIES),
        "raw": Field("f4", np.nan, labels=FAMILIES),
    }
