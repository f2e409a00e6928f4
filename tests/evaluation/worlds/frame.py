"""What every world is built with: accounts, software, networks, hours, texts, and the event that comes of them.

A world is a function of a seed. Its author declares crowds and campaigns with numbers drawn from wide priors; nothing here knows of the
detector. `World.write` leaves `events.jsonl` (canonical events, time order) and `truth.json`: account -> persona, campaign, reseller,
victim_of.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np
from corpora import corpora
from numpy.typing import NDArray

from streams.schema.event import Event

HOUR, DAY = 3600.0, 86_400.0
START = datetime(2027, 3, 2, tzinfo=UTC).timestamp()
"""The first moment of every world: a Tuesday."""

Times = NDArray[np.float64]


def digest(*parts: object) -> str:
    """Return twelve hex digits that stand for some parts."""
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Account:
    """Who pays, since when, and for whom."""

    name: str
    created: float
    organization: str
    key: str
    card: str

    def facts(self) -> Event:
        """Return its fields of the event."""
        return {
            "account.id": self.name,
            "account.created": _iso(self.created),
            "organization.id": self.organization,
            "api_key.id": self.key,
            "payment.hash": self.card,
        }


class Told(TypedDict, total=False):
    """What is true of an account beside its persona: the names of its campaign, reseller or thief, and whether logs can show it."""

    campaign: str | None
    reseller: str | None
    victim_of: str | None
    tellable: bool


class Truth(Told):
    """All that is true of an account."""

    persona: str


@dataclass(frozen=True, slots=True)
class Network:
    """Where requests come from: an autonomous system, and the third bytes of the addresses that are used in it."""

    number: int
    kind: str
    country: str
    blocks: tuple[int, ...]

    def facts(self, rng: np.random.Generator) -> Event:
        """Return an address in it."""
        base = (self.number * 2654435761) & 0xFFFFFFFF
        block = self.blocks[int(rng.integers(len(self.blocks)))]
        return {
            "client.address": f"{11 + base % 180}.{(base >> 8) % 256}.{block}.{1 + int(rng.integers(254))}",
            "client.as.number": self.number,
            "client.as.type": self.kind,
            "client.geo.country_iso_code": self.country,
        }


_HOMES = ((7922, "US"), (3320, "DE"), (2856, "GB"), (4713, "JP"), (9829, "IN"), (28573, "BR"), (3215, "FR"), (1221, "AU"), (4766, "KR"))
_ROOMS = ((16509, "US"), (15169, "US"), (8075, "US"), (14061, "US"), (24940, "DE"), (16276, "FR"), (63949, "US"), (20473, "US"))
_LESSONS = ((3, "US"), (25, "US"), (88, "US"), (786, "GB"))


def network(rng: np.random.Generator, kind: str, blocks: int = 1) -> Network:
    """Draw a network of a kind: isp, hosting or education."""
    number, country = (_HOMES if kind == "isp" else _ROOMS if kind == "hosting" else _LESSONS)[
        int(rng.integers(9 if kind == "isp" else 8 if kind == "hosting" else 4))
    ]
    return Network(number, kind, country, tuple(int(block) for block in rng.integers(0, 256, blocks)))


def person(rng: np.random.Generator) -> list[Network]:
    """Return the networks of a person who lives somewhere, and may roam or use a VPN."""
    home = network(rng, "isp", int(rng.integers(1, 3)))
    habit = rng.random()
    if habit > 0.85:
        return [home, *(network(rng, "hosting", 4) for _ in range(2))]
    return [home, home, network(rng, "isp", 2)] if habit > 0.5 else [home]


def rotating(rng: np.random.Generator, kind: str, count: int) -> list[Network]:
    """Return the exits of a proxy service."""
    return [network(rng, "isp" if kind == "residential" else "hosting", 30) for _ in range(count)]


Stack = Event
_BASE = ("host", "accept", "accept-encoding", "connection", "user-agent", "authorization", "content-type", "content-length")


def stack(name: str, *, headers: Sequence[str] = _BASE, http: str = "1.1", encoding: str = "gzip, deflate", sdk: str = "") -> Stack:
    """Return a client program's fields of the event."""
    made = {
        "tls.client.ja4": f"t13d{1200 + int(digest(name), 16) % 700}{'h2' if http == '2' else 'h1'}_{digest(name, 1)}_{digest(name, 2)}",
        "network.protocol.version": http,
        "http.request.header_names": list(headers),
        "http.request.header.accept-encoding": encoding,
        "http.request.body.shape": digest(name, "body"),
        "user_agent.original": f"{name}/1.{int(digest(name), 16) % 30}",
    }
    return made | ({"sdk.language": sdk, "sdk.version": f"2.{int(digest(name), 16) % 12}.0"} if sdk else {})


_STAINLESS = tuple(f"x-stainless-{part}" for part in ("lang", "package-version", "os", "arch", "runtime"))
PUBLIC: tuple[Stack, ...] = (
    stack("openai-python", headers=(*_BASE[:5], *_STAINLESS, *_BASE[5:]), sdk="python"),
    stack("openai-node", headers=("host", "connection", *_BASE[1:2], *_STAINLESS, *_BASE[4:]), http="1.1", encoding="br, gzip", sdk="js"),
    stack("langchain", headers=(*_BASE[:5], *_STAINLESS, *_BASE[5:], "x-langchain"), sdk="python"),
    stack("curl", headers=("host", "user-agent", "accept", "content-type", "authorization", "content-length"), http="2", encoding=""),
    stack("python-requests", headers=("host", "user-agent", "accept-encoding", "accept", "connection", *_BASE[5:])),
    stack("go-http", headers=("host", "user-agent", "content-length", "accept", *_BASE[5:7], "accept-encoding"), http="2", encoding="gzip"),
    stack("ai-sdk", headers=("host", "connection", "content-type", "authorization", "user-agent", "accept"), encoding="br, gzip", sdk="js"),
    stack("web-app", headers=("host", "origin", "cookie", "accept", "accept-language", *_BASE[2:]), http="2", encoding="gzip, br, zstd"),
)
"""Software that unrelated people use; the shares are skewed."""
_SHARES = np.array([30, 18, 10, 3, 7, 3, 9, 20]) / 100


def public(rng: np.random.Generator) -> Stack:
    """Draw what somebody's program runs on."""
    chosen = dict(PUBLIC[int(rng.choice(len(PUBLIC), p=_SHARES))])
    if "sdk.version" in chosen:
        chosen["sdk.version"] = f"2.{int(rng.integers(12))}.{int(rng.integers(3))}"
    return chosen


def own(rng: np.random.Generator, name: str) -> Stack:
    """Return software that only one party uses: headers in an order of its own."""
    headers = list(_BASE)
    rng.shuffle(headers)
    extra = [f"x-{digest(name, 'h')[:4]}"] if rng.random() < 0.5 else []
    kinds = ("gzip", "identity", "gzip, br", "gzip, deflate")
    return stack(
        f"{name}-{digest(name)[:4]}", headers=(*headers, *extra), http=str(rng.choice(["1.1", "2"])), encoding=str(rng.choice(kinds))
    )


def waking(zone: float, flat: float) -> NDArray[np.float64]:
    """Return a person's share of requests by hour of the day (UTC)."""
    hour = (np.arange(24) + zone) % 24
    weight = flat + np.exp(-(((hour - 11) / 3.0) ** 2)) + np.exp(-(((hour - 16) / 2.6) ** 2)) + 0.5 * np.exp(-(((hour - 21) / 2.0) ** 2))
    return np.asarray(weight / weight.sum())


@dataclass
class World:
    """A log that is being written, and the truth about it."""

    seed: int
    days: int
    events: list[tuple[float, Event]] = field(default_factory=list)
    truth: dict[str, Truth] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    # --- drawing numbers ----------------------------------------------------------------------------------------------

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def log_between(self, low: float, high: float) -> float:
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))

    def count(self, low: int, high: int) -> int:
        """Return a whole number, both ends included."""
        return int(self.rng.integers(low, high + 1))

    def maybe(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def pick(self, things: Sequence[Any]) -> Any:
        return things[int(self.rng.integers(len(things)))]

    def rate(self, mean: float, variation: float) -> float:
        """Return one person's own rate: gamma, with this coefficient of variation."""
        shape = 1 / max(variation, 0.02) ** 2
        return float(mean * self.rng.gamma(shape, 1 / shape))

    # --- who ----------------------------------------------------------------------------------------------------------

    def account(
        self,
        persona: str,
        *,
        age: float | None = None,
        card: str = "",
        organization: str = "",
        starts: float = 0.0,
        **truth: Unpack[Told],
    ) -> Account:
        """Add an account; `age` in days before the world's first moment (None: as people's are), or before `starts` seconds into it."""
        name = f"acct_{digest(self.seed, 'a', len(self.truth))}"
        self.truth[name] = {"persona": persona, "campaign": None, "reseller": None, "victim_of": None, **truth}
        days = float(self.rng.exponential(240)) + 1 if age is None else age
        return Account(
            name,
            START + starts - days * DAY,
            organization or f"org_{digest(name, 'o')}",
            f"key_{digest(name, 'k')}",
            card or f"pay_{digest(name, 'c')}",
        )

    # --- when ---------------------------------------------------------------------------------------------------------

    def awake(self, per_day: float, *, zone: float = 0.0, flat: float = 0.05, start: float = 0.0, burst: float = 1.0) -> Times:
        """Return moments of somebody with hours: Poisson by day; `burst` is the mean number of requests at one sitting."""
        found: list[Times] = []
        for day in range(self.days):
            sittings = int(self.rng.poisson(per_day / burst))
            hours = self.rng.choice(24, sittings, p=waking(zone, flat))
            begun = day * DAY + hours * HOUR + self.rng.random(sittings) * HOUR
            for moment in begun:
                length = 1 if burst <= 1 else int(self.rng.geometric(1 / burst))
                gaps = np.exp(self.rng.normal(np.log(45), 0.9, length))
                found.append(moment + np.cumsum(gaps) - gaps[0])
        return self._within(np.concatenate(found) if found else np.empty(0), start)

    def flat(self, total: float, *, start: float = 0.0, end: float | None = None) -> Times:
        """Return moments of a program that runs round the clock."""
        end = self.days * DAY if end is None else end
        return self._within(start + self.rng.random(int(self.rng.poisson(total))) * max(0.0, end - start), start)

    def timer(self, period: float, *, jitter: float = 3.0, start: float = 0.0, missed: float = 0.0) -> Times:
        """Return moments of a timer that fires every `period` seconds, with its own phase."""
        moments = np.arange(self.rng.random() * period, self.days * DAY, period)
        moments = moments[self.rng.random(len(moments)) >= missed]
        return self._within(moments + self.rng.exponential(jitter, len(moments)), start)

    def quota(self, goal: int, *, spread: float = 0.0, zone: float = 0.0, begins: float = 9.0, hours: float = 7.0) -> Times:
        """Return moments of somebody who does a set number of items every working day."""
        found = []
        for day in range(self.days):
            items = max(0, round(goal * (1 + spread * self.rng.normal())))
            weights = self.rng.exponential(1.0, items + 1)
            found.append(day * DAY + ((begins - zone) % 24) * HOUR + np.cumsum(weights)[:-1] / weights.sum() * hours * HOUR)
        return self._within(np.concatenate(found), 0.0)

    def _within(self, moments: Times, start: float) -> Times:
        moments = np.sort(moments)
        return moments[(moments >= start) & (moments < self.days * DAY)]

    # --- what ---------------------------------------------------------------------------------------------------------

    def lengths(self, median: float, spread: float) -> int:
        return max(1, int(np.exp(self.rng.normal(np.log(median), spread))))

    def emit(
        self, moment: float, account: Account, client: Stack, where: Network, prompt: str, *, answer: float, messages: int = 1, **more: Any
    ) -> None:
        """Add a request. `more` are fields of the event with `__` for `.`; `given` and `cached` are its input tokens."""
        given = int(more.pop("given", 0)) or len(prompt) // 4 + len(more.get("system_prompt", "")) // 4 + 6
        thinking = int(more.pop("thinking", 0))
        model = more.pop("model", None) or str(self.rng.choice(["atlas-4", "atlas-4-mini", "atlas-reason"], p=[0.5, 0.3, 0.2]))
        answer = max(0, int(answer))
        made = {
            "timestamp": START + moment,
            "event.id": "",
            **account.facts(),
            **where.facts(self.rng),
            **client,
            "http.response.status_code": 200,
            "http.server.request.duration": round(0.3 + (answer + thinking) / 70 + float(self.rng.random()) * 0.4, 3),
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": model,
            "gen_ai.usage.input_tokens": given,
            "gen_ai.usage.output_tokens": answer + thinking,
            "gen_ai.usage.cache_read.input_tokens": int(min(more.pop("cached", 0), given)),
            "gen_ai.usage.reasoning.output_tokens": thinking,
            "gen_ai.response.finish_reasons": [more.pop("finish", "stop")],
            "message_count": messages,
            "prompt": prompt[:6000],
        }
        made |= {name.replace("__", "."): value for name, value in more.items() if value is not None}
        self.events.append((moment, made))

    def talk(
        self, moment: float, account: Account, client: Stack, where: Network, *, turns: float = 2.5, end_user: str | None = None
    ) -> None:
        """Add an ordinary conversation: follow-ups that carry, and cache, what was said before."""
        chats = corpora().chats
        said = chats[int(self.rng.integers(len(chats)))]
        context, conversation = 0, digest(account.name, moment)
        tokens = corpora().conversation_tokens
        for turn in range(int(self.rng.geometric(1 / turns))):
            given, answer = (int(number) for number in tokens[int(self.rng.integers(len(tokens)))])
            text = said[turn] if turn < len(said) else patchwork(self.rng, 2)
            given = min(4000, context + len(text) // 4 + 20 + given // 8)
            self.emit(
                moment,
                account,
                client,
                where,
                text[:2500],
                answer=answer,
                messages=2 * turn + 1,
                given=given,
                cached=context,
                gen_ai__conversation__id=conversation,
                user__id=end_user,
            )
            context = given + answer
            moment += 15 + float(self.rng.exponential(70))

    # --- written ------------------------------------------------------------------------------------------------------

    def write(self, folder: Path) -> None:
        """Write events and truth."""
        folder.mkdir(parents=True, exist_ok=True)
        self.events.sort(key=lambda pair: pair[0])
        with (folder / "events.jsonl").open("w", encoding="utf-8") as file:
            for index, (_, event) in enumerate(self.events):
                event["event.id"] = f"req_{index:09d}"
                file.write(json.dumps(event, separators=(",", ":"), ensure_ascii=False) + "\n")
        active = {event["account.id"] for _, event in self.events}
        kept = {name: role for name, role in self.truth.items() if name in active}
        (folder / "truth.json").write_text(json.dumps(kept), encoding="utf-8")


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@cache
def _sentences() -> tuple[str, ...]:
    found = [part.strip() for chat in corpora().chats for turn in chat for part in turn.replace("\n", ". ").split(". ")]
    return tuple(dict.fromkeys(part for part in found if 25 < len(part) < 260 and "{" not in part and "}" not in part))


def patchwork(rng: np.random.Generator, sentences: int) -> str:
    """Return a text that nobody else wrote: sentences of many people, shuffled together."""
    every = _sentences()
    return ". ".join(every[int(index)] for index in rng.integers(0, len(every), max(1, sentences)))


def reworded(rng: np.random.Generator, text: str) -> str:
    """Return a task in words of its own: another sentence before it, a number changed, sometimes a sentence less."""
    parts = text.split(". ")
    if len(parts) > 2 and rng.random() < 0.5:
        del parts[int(rng.integers(len(parts)))]
    changed = "".join(str(int(rng.integers(10))) if letter.isdigit() else letter for letter in ". ".join(parts))
    return changed if rng.random() < 0.7 else f"{patchwork(rng, 1)}. {changed}"
