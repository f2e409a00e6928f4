"""A generated request log: drawn as columns, written as canonical JSON lines in time order.

Repeated parts (an account, a client's software, a location, a kind of call) are rendered once; prompts are composed
when their line is written, from a seed. So a line costs microseconds, and a million requests fit in memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Writer = Callable[[int, int], str]
"""Composes a prompt from a seed (0 .. 2**62-1) and the turn of its conversation (0 is the first). Pure."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_CHUNK_REQUESTS = 8192
_FAILURES = (429, 500, 503, 529)
_FINISH = ("stop", "length", "tool_calls")


@dataclass(frozen=True, slots=True)
class TrueRole:
    """The true role of an account. It is not in the log; evaluation and the demo's closing table compare with it."""

    account_id: str
    persona: str
    campaign: str | None = None
    permitted: bool = False

    @property
    def is_attacker(self) -> bool:
        """Whether the account serves a campaign."""
        return self.campaign is not None


@dataclass(slots=True)
class Requests:
    """Requests as columns of one length; a scalar stands for a column of equal values. -1 is unknown: absent from the log.

    Attributes:
        time: Seconds since 1970.
        account, stack, location, call, writer, model: Indices that `Log` handed out.
        seed, turn: What the prompt is composed from.
        messages: Messages in the request, history included.
        end_user, conversation, connection: Numbers unique within the account (end_user, conversation) or the log.
        status: 0 to have it drawn: one request in a hundred fails.
    """

    time: Floats
    account: ArrayLike
    stack: ArrayLike
    location: ArrayLike
    call: ArrayLike
    writer: ArrayLike
    model: ArrayLike
    seed: ArrayLike
    input_tokens: ArrayLike
    output_tokens: ArrayLike
    turn: ArrayLike = 0
    messages: ArrayLike = 1
    reasoning_tokens: ArrayLike = -1
    cached_tokens: ArrayLike = -1
    end_user: ArrayLike = -1
    conversation: ArrayLike = -1
    connection: ArrayLike = -1
    status: ArrayLike = 0


Fact = str | float | Sequence[str] | None
"""The value of a field of the log; None leaves the field out."""


def _fragment(facts: Mapping[str, Fact]) -> str:
    """Render the known facts as the inside of a JSON object."""
    return _encode({key: value for key, value in facts.items() if value is not None})[1:-1]


@dataclass
class Log:
    """Collects accounts, software, places, calls and requests; `lines` writes them out."""

    rng: np.random.Generator
    roles: list[TrueRole] = field(default_factory=list)
    _accounts: list[str] = field(default_factory=list)
    _interned: dict[str, int] = field(default_factory=dict)
    _facts: list[str] = field(default_factory=list)
    _writers: list[Writer] = field(default_factory=list)
    _models: list[str] = field(default_factory=list)
    _bouts: list[dict[str, NDArray[Any]]] = field(default_factory=list)
    _drawn: dict[str, NDArray[Any]] | None = None

    def account(self, role: TrueRole, facts: Mapping[str, Fact]) -> int:
        """Register an account and its fields in the log (`organization.id`, `payment.hash` ...)."""
        self.roles.append(role)
        self._accounts.append(_fragment({"account.id": role.account_id, **facts}))
        return len(self._accounts) - 1

    def facts(self, facts: Mapping[str, Fact]) -> int:
        """Register a stack, a location or a call: equal facts share an index."""
        text = _fragment(facts)
        known = self._interned.get(text)
        if known is None:
            known = self._interned[text] = len(self._facts)
            self._facts.append(text)
        return known

    def writer(self, compose: Writer) -> int:
        """Register a prompt writer."""
        self._writers.append(compose)
        return len(self._writers) - 1

    def model(self, name: str) -> int:
        """Register a model's name."""
        if name not in self._models:
            self._models.append(name)
        return self._models.index(name)

    def add(self, requests: Requests) -> None:
        """Append requests.

        Raises:
            RuntimeError: The log has been written or read already, and its outcomes are drawn.
        """
        if self._drawn is not None:
            raise RuntimeError("log: no request can be added once the log has been read")
        count = len(requests.time)
        columns = {each.name: np.asarray(getattr(requests, each.name)) for each in fields(requests)}
        if count:
            self._bouts.append({key: np.broadcast_to(values, (count,)) for key, values in columns.items()})

    def __len__(self) -> int:
        """Return the number of requests so far."""
        return sum(len(bout["time"]) for bout in self._bouts)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return all requests in time order, outcomes drawn (status, finish, duration, first_chunk, event)."""
        if self._drawn is not None:
            return self._drawn
        merged = {each.name: np.concatenate([bout[each.name] for bout in self._bouts]) for each in fields(Requests)}
        order = np.argsort(merged["time"], kind="stable")
        columns = {key: values[order] for key, values in merged.items()}
        self._drawn = columns | self._outcomes(columns)
        return self._drawn

    def _outcomes(self, columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        count = len(columns["time"])
        drawn = np.where(self.rng.binomial(1, 0.01, count), self.rng.choice(_FAILURES, count), 200)
        status = np.where(columns["status"] == 0, drawn, columns["status"])
        served = status == 200  # noqa: PLR2004 (HTTP's word for "OK")
        output = np.where(served, columns["output_tokens"], 0).astype(np.int64)
        first = self.rng.lognormal(-0.7, 0.5, count)
        return {
            "status": status,
            "output_tokens": output,
            "first_chunk": first,
            "duration": first + output / self.rng.lognormal(4.2, 0.35, count),
            "finish": self.rng.binomial(1, 0.02, count),
            "event": self.rng.integers(0, 2**62, count),
        }

    def lines(self, limit: int | None = None) -> Iterator[bytes]:
        """Write the requests as JSON lines in time order, each ending in a newline."""
        columns = self.columns()
        count = len(columns["time"]) if limit is None else min(limit, len(columns["time"]))
        for start in range(0, count, _CHUNK_REQUESTS):
            part = {key: values[start : min(start + _CHUNK_REQUESTS, count)].tolist() for key, values in columns.items()}
            yield from self._rendered(part)

    def _rendered(self, part: Mapping[str, list[Any]]) -> Iterator[bytes]:
        accounts, facts = self._accounts, self._facts
        usage = zip(part["input_tokens"], part["output_tokens"], part["reasoning_tokens"], part["cached_tokens"], strict=True)
        known = zip(part["end_user"], part["conversation"], part["connection"], part["account"], strict=True)
        glued = zip(part["account"], part["stack"], part["location"], part["call"], strict=True)
        asked = zip(part["writer"], part["seed"], part["turn"], part["messages"], part["model"], strict=True)
        ended = zip(part["time"], part["event"], part["status"], part["duration"], part["first_chunk"], part["finish"], strict=True)
        for (account, stack, location, call), used, ids, question, end in zip(glued, usage, known, asked, ended, strict=True):
            yield (
                f"{{{_ended(*end)},{accounts[account]},{facts[stack]},{facts[location]},{facts[call]}"
                f"{_used(*used)}{_known(*ids)},{self._asked(*question)}}}\n"
            ).encode()

    def _asked(self, writer: int, seed: int, turn: int, messages: int, model: int) -> str:
        name = self._models[model]
        prompt = _encode(self._writers[writer](seed, turn))
        return f'"gen_ai.request.model":"{name}","gen_ai.response.model":"{name}","message_count":{messages},"prompt":{prompt}'


def _ended(time: float, event: int, status: int, duration: float, first_chunk: float, finish: int) -> str:
    text = f'"timestamp":{time:.3f},"event.id":"{event:016x}","http.response.status_code":{status}'
    if status != 200:  # noqa: PLR2004 (HTTP's word for "OK")
        return text
    return (
        f'{text},"http.server.request.duration":{duration:.3f},"gen_ai.response.time_to_first_chunk":{first_chunk:.3f}'
        f',"gen_ai.response.finish_reasons":["{_FINISH[finish]}"]'
    )


def _used(given: int, out: int, reasoning: int, cached: int) -> str:
    text = f',"gen_ai.usage.input_tokens":{given:.0f},"gen_ai.usage.output_tokens":{out}'
    if reasoning >= 0:
        text += f',"gen_ai.usage.reasoning.output_tokens":{min(reasoning, out):.0f}'
    if cached >= 0:
        text += f',"gen_ai.usage.cache_read.input_tokens":{min(cached, given):.0f}'
    return text


def _known(user: int, talk: int, wire: int, account: int) -> str:
    text = ""
    if user >= 0:
        text += f',"user.id":"user-{user:x}"'
    if talk >= 0:
        text += f',"gen_ai.conversation.id":"talk-{account:x}-{talk:x}"'
    if wire >= 0:
        text += f',"connection.id":"wire-{wire:x}"'
    return text
