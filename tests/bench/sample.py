"""The benchmark's traffic: one hour of 1,000 accounts, drawn once as columns, rendered as blocks and as JSON lines.

Blocks carry every column that `collect` fills, prompt sketches included. The lines, for the two contenders that read JSON, carry about
half of the fields and no sketch (586 bytes, as in the measurement that the design began with): what they must decode is not padded.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.core.settings import Settings
from streams.schema.layouts import REQUESTS
from streams.schema.prompt_sketch import PROMPT_SHINGLES
from streams.schema.topics import partition_of

START = 1_790_000_000.0
SPAN = 3600.0
ACCOUNTS = 1_000
BLOCK_EVENTS = Settings(mode="local").block_events

_STACKS = 40
_TEMPLATES = 200
_TEMPLATED = 0.4
_SHARED_SHINGLES = 4
_MODELS = ("hydro-mini", "hydro-base", "hydro-large", "hydro-reason", "hydro-code")
_LANGUAGES = ("en", "de", "fr", "ja", "pt")
_AS_TYPES = ("isp", "hosting", "vpn", "education")


@dataclass(frozen=True)
class Sample:
    """Events in time order, as columns of `layouts.REQUESTS`; `account` is each event's account as a number."""

    columns: dict[str, NDArray[Any]]
    account: NDArray[np.int64]
    first: int = 0
    """The lowest account's number."""

    @classmethod
    def draw(cls, events: int, accounts: int = ACCOUNTS, seed: int = 1, *, light: bool = False) -> Sample:
        """Draw events over `SPAN`, each of an account at random; when `light`, each of another account."""
        rng = np.random.default_rng(seed)
        account = np.arange(events) if light else rng.integers(0, accounts, events)
        columns = _of_accounts(rng, int(account.max()) + 1, account)
        columns |= _of_events(rng, events) | _sketches(rng, events)
        columns["conversation"] = _hashes(account * 1_000 + rng.integers(0, 40, events))
        return cls(columns, account)

    def blocks(self, partitions: int, events: int = BLOCK_EVENTS) -> list[tuple[int, int, bytes]]:
        """Return partition, events and bytes of each block, in the order in which they fill."""
        homes = np.array([partition_of(name, partitions) for name in self._names()])[self.account - self.first]
        parts = [np.flatnonzero(homes == home) for home in range(partitions)]
        cut = [(home, part[first : first + events]) for home, part in enumerate(parts) for first in range(0, len(part), events)]
        cut.sort(key=lambda each: int(each[1][-1]))
        return [(home, len(rows), REQUESTS.encode(self._rows(rows))) for home, rows in cut]

    def lines(self) -> list[tuple[str, bytes]]:
        """Return account and canonical JSON of each event, about 586 bytes, without a prompt."""
        columns = {name: np.asarray(values).tolist() for name, values in self.columns.items() if name not in {"shingles", "time"}}
        times = np.round(self.columns["time"], 3).tolist()
        return [
            (columns["account_id"][row], _line({name: values[row] for name, values in columns.items()}, times[row]))
            for row in range(len(times))
        ]

    def numbered_from(self, first: int) -> Sample:
        """Return the same events of other accounts, whose numbers begin at `first`."""
        account = self.account - self.first + first
        columns = self.columns | {"account_id": np.array([_account(number) for number in account.tolist()], object)}
        return Sample(columns, account, first)

    def _names(self) -> list[str]:
        return [_account(number) for number in range(self.first, int(self.account.max()) + 1)]

    def _rows(self, rows: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
        return {name: values[rows].tolist() if values.dtype == object else values[rows] for name, values in self.columns.items()}


def _account(number: int) -> str:
    return f"acct-{number:012x}"


def _hashes(numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    return (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)


def _texts(words: list[str], which: NDArray[np.int64]) -> NDArray[Any]:
    return np.array(words, object)[which]


def _of_accounts(rng: np.random.Generator, accounts: int, account: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Draw what an account keeps: who pays, where it is, its software; one in ten accounts changes its network."""
    every = np.arange(accounts)
    stack = rng.integers(0, _STACKS, accounts)[account]
    network = every * 4 + rng.integers(0, 2, accounts)
    software = [f"2.{minor}.0" for minor in range(_STACKS)]
    return {
        "account_id": _texts([_account(number) for number in range(accounts)], account),
        "account_created": (START - rng.exponential(200.0, accounts) * 86_400.0)[account],
        "organization_id": _texts([f"org-{number // 2:010x}" for number in range(accounts)], account),
        "api_key": _hashes(every)[account],
        "payment": _hashes(every // 2 + 10**9)[account],
        "end_user": np.where(rng.random(len(account)) < 0.3, _hashes(account * 50 + rng.integers(0, 20, len(account))), np.uint64(0)),
        "client_network": _hashes(network[account] + (rng.random(len(account)) < 0.1) * rng.integers(0, 4, len(account))),
        "as_number": (64_500.0 + rng.integers(0, 80, accounts))[account],
        "as_type": _texts(list(_AS_TYPES), rng.choice(4, accounts, p=[0.6, 0.25, 0.1, 0.05])[account]),
        "country": _texts(["US", "DE", "SG", "BR", "JP"], rng.integers(0, 5, accounts)[account]),
        "connection": _hashes(account * 100 + rng.integers(0, 8, len(account)) + 2 * 10**9),
        "router": _hashes(stack + 3 * 10**9),
        "tls_ja4": _texts([f"t13d{number:02d}12h2_8daaf6152771_b186095e22b6" for number in range(_STACKS)], stack),
        "tls_ja3": np.full(len(account), None, object),
        "http_version": _texts(["1.1", "2"], stack % 2),
        "user_agent": _texts([f"OpenAI/Python {version}" for version in software], stack),
        "header_names": _texts([f"accept,content-type,user-agent,x-stack-{number}" for number in range(_STACKS)], stack),
        "accept_encoding": _texts(["gzip, deflate", "gzip", "br"], stack % 3),
        "body_shape": _texts([f"{number:016x}" for number in range(_STACKS)], stack),
        "sdk_language": _texts(["python", "js", "go"], stack % 3),
        "sdk_version": _texts(software, stack),
        "sdk_runtime": _texts([f"CPython 3.{number}.1" for number in range(_STACKS)], stack),
        "temperature": rng.choice([np.nan, 0.0, 0.7, 1.0], accounts)[account],
        "top_p": rng.choice([np.nan, 1.0, 0.9], accounts)[account],
        "max_tokens": rng.choice([np.nan, 512.0, 4096.0], accounts)[account],
        "seeded": np.zeros(len(account)),
        "streamed": rng.choice([0.0, 1.0], accounts)[account],
    }


def _of_events(rng: np.random.Generator, events: int) -> dict[str, NDArray[Any]]:
    """Draw what differs from request to request."""
    output = np.round(rng.lognormal(5.5, 1.0, events))
    given = np.round(rng.lognormal(6.5, 1.2, events))
    first = np.round(rng.lognormal(-0.7, 0.5, events), 3)
    model = _texts(list(_MODELS), rng.integers(0, len(_MODELS), events))
    return {
        "time": START + np.sort(rng.random(events)) * SPAN,
        "event_id": np.array([f"{number:016x}" for number in rng.integers(0, 2**62, events).tolist()], object),
        "status": rng.choice([200.0, 429.0, 500.0], events, p=[0.985, 0.01, 0.005]),
        "duration": np.round(first + output / 60.0, 3),
        "first_chunk": first,
        "operation": _texts(["chat"], np.zeros(events, np.int64)),
        "provider": _texts(["hydro"], np.zeros(events, np.int64)),
        "request_model": model,
        "response_model": model,
        "choice_count": np.full(events, np.nan),
        "top_logprobs": np.full(events, np.nan),
        "input_tokens": given,
        "output_tokens": output,
        "cached_tokens": np.where(rng.random(events) < 0.3, np.round(given / 2), 0.0),
        "reasoning_tokens": np.where(rng.random(events) < 0.2, np.round(output / 2), np.nan),
        "finish_reason": _texts(["stop", "length", "tool_calls"], rng.choice(3, events, p=[0.9, 0.05, 0.05])),
        "message_count": rng.geometric(0.3, events).astype(np.float64),
        "tool_count": np.where(rng.random(events) < 0.2, 3.0, 0.0),
        "tool_hash": np.zeros(events, np.uint64),
        "indicator": np.full(events, None, object),
    }


def _sketches(rng: np.random.Generator, events: int) -> dict[str, NDArray[Any]]:
    """Draw prompt sketches: two in five prompts are of one of 200 templates and share half of their shingles."""
    which = np.where(rng.random(events) < _TEMPLATED, rng.integers(0, _TEMPLATES, events), -1)
    shingles = rng.integers(1, 2**62, (events, PROMPT_SHINGLES), dtype=np.uint64)
    shared = rng.integers(1, 2**62, (_TEMPLATES, _SHARED_SHINGLES), dtype=np.uint64)
    shingles[which >= 0, :_SHARED_SHINGLES] = shared[which[which >= 0]]
    unique = rng.integers(1, 2**62, events, dtype=np.uint64)
    return {
        "simhash": rng.integers(1, 2**62, events, dtype=np.uint64),
        "shingles": np.sort(shingles, axis=1),
        "template": np.where(which >= 0, _hashes(which), unique),
        "system_template": _hashes(rng.integers(0, 300, events) + 4 * 10**9),
        "topic": rng.integers(0, 2048, events).astype(np.float64),
        "language": _texts(list(_LANGUAGES), rng.choice(5, events, p=[0.7, 0.1, 0.1, 0.05, 0.05])),
        **{name: (rng.random(events) < 0.05) * 1.0 for name in ("asks_reasoning", "asks_grading", "asks_trajectory", "known_corpus")},
    }


def _line(row: dict[str, Any], time: float) -> bytes:
    event = {
        "timestamp": time,
        "event.id": row["event_id"],
        "account.id": row["account_id"],
        "organization.id": row["organization_id"],
        "client.as.number": int(row["as_number"]),
        "client.as.type": row["as_type"],
        "network.protocol.version": row["http_version"],
        "user_agent.original": row["user_agent"],
        "sdk.language": row["sdk_language"],
        "http.response.status_code": int(row["status"]),
        "http.server.request.duration": row["duration"],
        "gen_ai.response.time_to_first_chunk": row["first_chunk"],
        "gen_ai.request.model": row["request_model"],
        "gen_ai.usage.input_tokens": int(row["input_tokens"]),
        "gen_ai.usage.output_tokens": int(row["output_tokens"]),
        "gen_ai.usage.cache_read.input_tokens": int(row["cached_tokens"]),
        "gen_ai.response.finish_reasons": [row["finish_reason"]],
        "message_count": int(row["message_count"]),
    }
    return json.dumps(event, separators=(",", ":")).encode()
