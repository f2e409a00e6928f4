"""Counting of a block of requests into its accounts: derived columns, accumulators, links, work, and votes on clients."""

from __future__ import annotations

import numpy as np

from models.accumulators import dialogue
from models.accumulators.dialogue import Followed
from models.accumulators.grouped_events import GroupedEvents
from models.accumulators.hashing import mix
from models.accumulators.lowest import lowest
from models.accumulators.pauses import pauses
from models.evidence.releases import Releases
from models.state.columns import Slots
from streams.core.word_hash import hash_word
from streams.features import derived
from streams.features.bank import Bank
from streams.features.events import Events
from streams.schema.blocks import Block
from streams.schema.prompt_sketch import PROMPT_SHINGLES
from streams.stages.accounts.claims import ClaimVotes
from streams.stages.accounts.clients import Clients
from streams.stages.accounts.links import AccountLinks
from streams.stages.accounts.state import AccountState
from streams.stages.accounts.templates import AccountTemplates


class Counting:
    """Adds each event to its account exactly once."""

    def __init__(self, state: AccountState, bank: Bank, templates: AccountTemplates, links: AccountLinks, claims: ClaimVotes) -> None:
        """Count into these parts of the partition's state."""
        self._state, self._bank, self._templates, self._links, self._claims = state, bank, templates, links, claims
        self.releases = Releases()

    def observe(self, block: Block) -> None:
        """Update the tables of shingles and models with all rows, also repeated ones: the tables skip what they contain already."""
        accounts = np.array([hash_word(name) for name in block.words("account_id")], np.uint64)[block.codes("account_id")]
        payment = block.hashes("payment")
        payers = np.where(payment != 0, payment, accounts)
        times, offset = block.numbers("time").astype(np.float64), self._state.offset
        self._templates.recurring.observe(derived.texts(block), accounts, float(times.max()), offset, payers)
        self.releases.observe(block.words("response_model"), block.codes("response_model"), payers, times, offset)

    def count(self, block: Block, grouped: GroupedEvents) -> Slots:
        """Add a block to its accounts, and return the slots of the accounts that have just changed to another router, (changed,)."""
        templates = self._templates.recurring.templates(derived.texts(block), PROMPT_SHINGLES)
        followed = self._follow(block, grouped)
        judged = derived.judged_now(followed)
        paused = pauses(grouped, self._state.table["recent_ages"][grouped.slots])
        self._state.table["recent_ages"][grouped.slots] = paused.ages
        template = self._templates.choose(grouped, templates, judged.purpose)
        facts = derived.EventFacts(judged.single, judged.purpose, template, paused.gaps)
        clients, times = Clients.of(block), block.numbers("time").astype(np.float64)
        misfit, known = self._claims.misfit(clients)
        context = {
            "new_model": self.releases.new(block.words("response_model"), block.codes("response_model"), times),
            "claim_misfit": misfit,
            "claim_known": known,
        }
        routers = self._links.aliases.first(block.hashes("router"))[grouped.order]
        columns = derived.columns(block, grouped, templates, self._templates.shared, facts, context)
        events = Events(block, grouped, columns | {"hash of router": routers}, derived.retaken(paused, followed.retakes))
        self._bank.fold(self._state.table, events)
        self._links.keep_newest(events)
        self._add_work(events)
        changing = self._links.follow_routers(clients, grouped, routers)
        self._claims.cast(clients, grouped)
        return changing

    def _follow(self, block: Block, grouped: GroupedEvents) -> Followed:
        """Return what each request continues, and keep the newest requests of each account."""
        followed = derived.followed(block, grouped, dialogue.past(self._state.table, grouped.slots))
        dialogue.keep(self._state.table, grouped, followed.kept)
        return followed

    def _add_work(self, events: Events) -> None:
        """Add the block's work to the accounts' totals and to the work since their last group rows, and sample harvesting prompts."""
        table, grouped = self._state.table, events.grouped
        table["new_requests"][grouped.slots] += grouped.counts
        for name, column in (("work_items", "begun"), ("harvest_items", "job")):
            added = np.add.reduceat(events.number(column), grouped.starts)
            table[name][grouped.slots] += added
            table[f"new_{name}"][grouped.slots] += added
        prompts = np.where(events.number("purposeful") >= derived.MIN_PURPOSE_SHARE, mix(events.hashed("simhash")), np.uint64(0))
        table["prompt_sample"][grouped.slots] = lowest(table["prompt_sample"][grouped.slots], grouped.entity, prompts)
        output = np.add.reduceat(np.nan_to_num(events.number("output_tokens")), grouped.starts)
        table["new_output"][grouped.slots] += output
        table["output"][grouped.slots] += output
