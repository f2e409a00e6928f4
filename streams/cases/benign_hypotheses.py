"""Counter-evidence: which benign stories would explain the same evidence, and why they do or do not fit.

Each persona is one question about the numbers of a case, and answers with its number. A case carries all answers, the failed ones too, so
that the analyst sees what was considered. A persona that fits is a reason to ask, not an acquittal. One that no number here can deny
cannot be told: to call it a failed one would speak against the accused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from models.evidence.weighing import SPOKEN
from streams.schema.cases import Hypothesis
from streams.stages.attribution import PURSES

_PLAIN_PURPOSE = 3.0
"""Nats of content from which work that looks like a harness or a batch is asking for more than that."""
_MOSTLY = 0.5
_LIGHT = 1.0


@dataclass(frozen=True)
class Facts:
    """What the personas are asked about."""

    alone: bool
    """One account, not a group."""
    accounts: int
    organizations: int
    cards: int
    """How many pay; 0: more than one, and nobody counted them."""
    families: Mapping[str, float]
    """Nats by family."""
    features: Mapping[str, float]
    """Values of the strongest entity's features."""
    routing: float = 0.0
    """Nats for a router or reseller."""
    permitted: str = ""
    """Who owns the permission of some of the accounts, and why, if there is one."""

    def nats(self, family: str) -> float:
        """Return a family's nats, 0 when nothing is known."""
        return self.families.get(family, 0.0)

    def feature(self, *names: str) -> float:
        """Return the first known of these features, NaN when none is."""
        return next((self.features[name] for name in names if name in self.features), math.nan)


Answer = tuple[bool | None, str]
"""Whether it fits, None where that cannot be told, and because of what."""

WORDS = {True: "fits", None: "cannot be told", False: "does not fit"}
"""An answer as people read it."""


def consider(facts: Facts) -> list[Hypothesis]:
    """Return for each persona whether it fits (None: that cannot be told), and because of what."""
    answers = {persona: ask(facts) for persona, ask in PERSONAS.items()}
    return [Hypothesis(persona, fits, because) for persona, (fits, because) in answers.items()]


def _says(facts: Facts, family: str) -> str:
    return f"{family} speaks with {facts.nats(family):.1f} nats"


def _share(facts: Facts, text: str, unknown: str, *names: str) -> tuple[float, str]:
    found = facts.feature(*names)
    return found, unknown if math.isnan(found) else text.format(f"{found:.0%}")


def _unless(unknown: bool, fits: bool) -> bool | None:  # noqa: FBT001 (a private helper of three callers)
    return True if fits else None if unknown else False


def _harness(facts: Facts) -> Answer:
    known, said = _share(facts, "{} of its prompts are of a public corpus", "no public corpus is loaded", "known_corpus")
    one = facts.organizations == 1
    fits = one and (known > _MOSTLY or facts.nats("content") < _PLAIN_PURPOSE)
    return (
        _unless(one and math.isnan(known), fits),
        f"a harness belongs to one organisation, here {_count(facts.organizations, 'pays', 'pay')}; {said}; {_says(facts, 'content')}",
    )


def _batch(facts: Facts) -> Answer:
    fits = facts.alone and facts.nats("timing") >= SPOKEN and facts.nats("content") < _PLAIN_PURPOSE
    return (
        fits,
        f"a batch runs on one account, here {_are(facts.accounts, 'is', 'are')}; {_says(facts, 'timing')}, {_says(facts, 'content')}",
    )


def _coding(facts: Facts) -> Answer:
    single, said = _share(
        facts,
        "{} of the requests are single questions, a coding session has a past",
        "turns are not logged",
        "single_question",
        "fresh_questions",
    )
    plain = facts.nats("content") >= _PLAIN_PURPOSE
    return _unless(math.isnan(single) and not plain, single < _MOSTLY and not plain), f"{said}; {_says(facts, 'content')}"


def _class(facts: Facts) -> Answer:
    fits = not facts.alone and facts.nats("cohort") >= SPOKEN and facts.nats("evenness") < _LIGHT and facts.organizations == 1
    return fits, f"people's loads differ and one school pays: {_says(facts, 'evenness')}, {_count(facts.organizations, 'pays', 'pay')}"


def _hackathon(facts: Facts) -> Answer:
    shared = facts.feature("shared_cards")
    fits = not facts.alone and facts.nats("cohort") >= SPOKEN and facts.nats("evenness") < _LIGHT and not shared >= PURSES
    cards = "" if math.isnan(shared) else f"; cards that several organisations share: {shared:.0f} (a sponsor has one)"
    return fits, f"new accounts, but no dispatcher: {_says(facts, 'cohort')}, {_says(facts, 'evenness')}{cards}"


def _own_data(facts: Facts) -> Answer:
    fits = facts.organizations == 1 and facts.cards == 1 and facts.nats("client") < SPOKEN
    said = f"{_payers(facts)}; its requests would look the same, only a contract tells: ask the owner"
    return _unless(unknown=True, fits=fits), said


def _aggregator(facts: Facts) -> Answer:
    users = facts.feature("end_users")
    said = "no end users are named" if math.isnan(users) else f"{math.expm1(users):.0f} end users a day are named"
    fits = bool(facts.permitted) or (facts.alone and facts.routing >= SPOKEN and users > 1 and facts.nats("content") < SPOKEN)
    return fits, facts.permitted or f"no permission is on file; {said}; {_says(facts, 'content')}"


def _gateway(facts: Facts) -> Answer:
    fits = facts.organizations == 1 and facts.cards == 1 and not facts.alone
    return fits, f"a gateway has one payer: {_payers(facts)}"


def _red_team(facts: Facts) -> Answer:
    fits = facts.organizations == 1 and facts.accounts <= 5 and facts.nats("volume") < SPOKEN  # noqa: PLR2004 (a team's keys)
    return fits, f"a team is few, light and in one programme: {_are(facts.accounts, 'is', 'are')} here, {_says(facts, 'volume')}"


def _customers(facts: Facts) -> Answer:
    return facts.nats("content") < SPOKEN, f"customers ask for themselves: {_says(facts, 'content')}, routing with {facts.routing:.1f}"


def _launch(facts: Facts) -> Answer:
    linked = max(facts.nats(name) for name in ("evenness", "cohort", "payment", "link"))
    fits = linked < SPOKEN and facts.nats("content") < _PLAIN_PURPOSE
    return fits, f"enthusiasts have nothing to do with each other: what links the accounts speaks with {linked:.1f} nats at most"


def _payers(facts: Facts) -> str:
    cards = "one card" if facts.cards == 1 else f"{facts.cards or 'several'} cards"
    return f"{_count(facts.organizations, 'pays', 'pay')} with {cards}"


def _count(number: int, one: str, many: str) -> str:
    return f"one organisation {one}" if number == 1 else f"{number or 'several'} organisations {many}"


def _are(number: int, one: str, many: str) -> str:
    return f"there {one} one account" if number == 1 else f"there {many} {number} accounts"


PERSONAS: dict[str, Callable[[Facts], Answer]] = {
    "evaluation harness": _harness,
    "batch job": _batch,
    "coding agent": _coding,
    "university class": _class,
    "hackathon or first day at a company": _hackathon,
    "permitted synthetic data of its own": _own_data,
    "authorised aggregator": _aggregator,
    "enterprise gateway": _gateway,
    "red team or safety research": _red_team,
    "ordinary customers of a reseller": _customers,
    "launch-day enthusiasts": _launch,
}
