"""Counter-evidence: which benign stories would explain the same evidence, and why they do or do not fit.

Each persona is one question about the numbers of a case. A case carries all answers, so that the analyst sees what was considered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from models.evidence import SPOKEN

_PLAIN_PURPOSE = 3.0
"""Nats of content from which work that looks like a harness or a batch is asking for more than that."""
_MOSTLY = 0.5


@dataclass(frozen=True)
class Facts:
    """What the personas are asked about."""

    alone: bool
    """One account, not a group."""
    organizations: int
    cards: int
    families: Mapping[str, float]
    features: Mapping[str, float]

    def nats(self, family: str) -> float:
        """Return a family's nats, 0 when nothing is known."""
        return self.families.get(family, 0.0)

    def feature(self, *names: str) -> float:
        """Return the first known of these features, NaN when none is."""
        return next((self.features[name] for name in names if name in self.features), float("nan"))


Answer = tuple[bool, str]


def consider(facts: Facts) -> list[dict[str, Any]]:
    """Return for each persona whether it fits, and because of what."""
    answers = {persona: ask(facts) for persona, ask in PERSONAS.items()}
    return [{"persona": persona, "fits": fits, "because": because} for persona, (fits, because) in answers.items()]


def _content(facts: Facts) -> str:
    return f"content speaks with {facts.nats('content'):.1f} nats"


def _gateway(facts: Facts) -> Answer:
    one_payer = facts.organizations <= 1 and facts.cards <= 1 and not facts.alone
    return one_payer, f"{facts.organizations} organisation(s) on {facts.cards} card(s)"


def _harness(facts: Facts) -> Answer:
    known = facts.feature("known_corpus")
    same = f"{known:.0%} of its prompts are of a public corpus" if known == known else "no public corpus is loaded"  # noqa: PLR0124 (NaN)
    return facts.alone and (known > _MOSTLY or facts.nats("content") < _PLAIN_PURPOSE), f"{same}; {_content(facts)}"


def _batch(facts: Facts) -> Answer:
    fits = facts.alone and facts.nats("timing") >= SPOKEN and facts.nats("content") < _PLAIN_PURPOSE
    return fits, f"timing speaks with {facts.nats('timing'):.1f} nats; {_content(facts)}"


def _coding(facts: Facts) -> Answer:
    single = facts.feature("single_question", "fresh_questions")
    talk = f"{single:.0%} of the requests are single questions" if single == single else "turns are not logged"  # noqa: PLR0124 (NaN)
    return single < _MOSTLY and facts.nats("content") < _PLAIN_PURPOSE, talk


def _together(facts: Facts) -> Answer:
    fits = facts.nats("cohort") >= SPOKEN and facts.nats("evenness") < 1
    return fits, f"people's loads differ, a dispatcher's do not: evenness speaks with {facts.nats('evenness'):.1f} nats"


def _launch(facts: Facts) -> Answer:
    linked = max(facts.nats(name) for name in ("evenness", "cohort", "payment"))
    return linked < SPOKEN, f"what links the accounts speaks with {linked:.1f} nats at most"


def _customers(facts: Facts) -> Answer:
    return facts.nats("content") < SPOKEN, _content(facts)


PERSONAS: dict[str, Callable[[Facts], Answer]] = {
    "enterprise gateway": _gateway,
    "evaluation harness": _harness,
    "batch job": _batch,
    "coding tool": _coding,
    "class, hackathon or first day at a company": _together,
    "launch-day enthusiasts": _launch,
    "ordinary customers of a reseller": _customers,
}
