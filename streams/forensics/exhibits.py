"""Turns a forensic file into an exhibit of a case: a policy of canaries, a list of served answers, a report of `compare` or `check`.

A file is recognised by what it holds, never by its name.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from streams.core.typed_json import read_json
from streams.forensics import report
from streams.forensics.canary import CanaryPolicy, CheckReport
from streams.forensics.errors import AnswersError
from streams.schema.exhibits import Exhibit
from streams.schema.labels import MAX_TEXT_CHARACTERS

MAX_FILE_BYTES: Final = 50_000_000
_SHOWN_RESULTS: Final = 8


class ServedCanary(msgspec.Struct, frozen=True):
    """A line of the gateway's list of served answers; it holds no text."""

    at: float
    case_id: str
    epoch: int
    answers: int = 1


@dataclass(frozen=True)
class Described:
    """An exhibit, and the sentence about it."""

    exhibit: Exhibit
    sentence: str


def describe(path: Path, case_id: str, now: float) -> Described:
    """Return a file as an exhibit of a case.

    Args:
        path: The file.
        case_id: The case that it is to belong to.
        now: Seconds since 1970: the time of a report, which has none itself.

    Raises:
        AnswersError: It cannot be read, is not one of the four kinds, or is about another case.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise AnswersError(f"{path} is larger than {MAX_FILE_BYTES:,} bytes: record the report, not the answers")
        content = path.read_bytes()
    except OSError as error:
        raise AnswersError(f"cannot read {path} ({error.strerror}): check the path") from error
    digest = hashlib.sha256(content).hexdigest()
    for read in _READERS:
        if (described := read(content, case_id, now)) is not None:
            exhibit, sentence = described
            return Described(msgspec.structs.replace(exhibit, sha256=digest), sentence[:MAX_TEXT_CHARACTERS])
    raise AnswersError(
        f"{path} is no exhibit: give a policy of `hydrometer canary new`, the gateway's list of served answers, or what "
        "`hydrometer forensics compare --json` or `hydrometer canary check --json` printed"
    )


def release(model: str, released: datetime, source: str) -> Described:
    """Return the public release of a model as an exhibit; `source` is where that can be read."""
    at = released.replace(tzinfo=released.tzinfo or UTC).timestamp()
    return Described(Exhibit("release", at, at), f"{model} was released ({source}).")


def _policy(content: bytes, case_id: str, now: float) -> tuple[Exhibit, str] | None:
    del now
    try:
        policy = read_json(content, CanaryPolicy)
        approved = datetime.fromisoformat(policy.approved_at).timestamp()
        ended = datetime.fromisoformat(policy.revoked_at).timestamp() if policy.revoked_at else approved
    except (msgspec.DecodeError, ValueError):
        return None
    _check_case(policy.case_id, case_id)
    revoked = f", revoked {policy.revoked_at}" if policy.revoked_at else ""
    sentence = f"Canary of epoch {policy.epoch} was approved by {policy.approved_by} for {len(policy.members)} member(s){revoked}."
    return Exhibit("canary", approved, ended), sentence


def _served(content: bytes, case_id: str, now: float) -> tuple[Exhibit, str] | None:
    del now
    try:
        lines = [read_json(line, ServedCanary) for line in content.splitlines() if line.strip()]
    except msgspec.DecodeError:
        return None
    if not lines:
        return None
    own = [line for line in lines if line.case_id == case_id]
    if not own:
        _check_case(lines[0].case_id, case_id)
    epochs = ", ".join(map(str, sorted({line.epoch for line in own})))
    times = [line.at for line in own]
    return Exhibit(
        "served", min(times), max(times)
    ), f"{sum(line.answers for line in own):,} answers with canaries of epoch {epochs} were served."


class _Test(msgspec.Struct):
    """What a sentence about a report needs of one of its tests."""

    title: str
    missing: str | None
    effect: float = 0.0
    p_corrected: float = 1.0


class _Ratio(msgspec.Struct):
    """What it needs of the likelihood ratio."""

    likelihood_ratio: float | None
    refused: str | None


class _Report(msgspec.Struct):
    """What it needs of the report of `compare --json`."""

    suspect: str
    our_model: str
    controls: list[str]
    items: int
    tests: list[_Test]
    combined: _Ratio


def _comparison(content: bytes, case_id: str, now: float) -> tuple[Exhibit, str] | None:
    del case_id
    try:
        comparison = read_json(content, _Report)
    except msgspec.DecodeError:
        return None
    results = [
        f"{one.title}: effect {one.effect:+.2f} sd, p {one.p_corrected:.2g} after Holm" for one in comparison.tests if one.missing is None
    ]
    head = f"{comparison.suspect} compared with {comparison.our_model}, {len(comparison.controls)} controls, {comparison.items:,} items"
    ratio = comparison.combined.likelihood_ratio
    combined = f"Likelihood ratio {ratio:.3g}" if ratio is not None else f"No likelihood ratio: {comparison.combined.refused}"
    results_said = "; ".join(results[:_SHOWN_RESULTS]) or "No test ran"
    return Exhibit("comparison", now, now), f"{head}. {results_said}. {combined}. {report.NOT_A_VERDICT}"


def _check(content: bytes, case_id: str, now: float) -> tuple[Exhibit, str] | None:
    try:
        check = read_json(content, CheckReport)
    except msgspec.DecodeError:
        return None
    own = [policy for policy in check.policies if policy.case_id == case_id]
    if not own:
        raise AnswersError(f"the check is of other cases' canaries than {case_id}'s: check with --policy of this case")
    results = [
        f"epoch {policy.epoch}: {policy.agree} of {policy.pairs} wordings agree, p {policy.p_corrected:.2g} after Holm"
        for policy in own
        if math.isfinite(policy.p_corrected)
    ]
    return Exhibit(
        "canary check", now, now
    ), f"{check.suspect} checked for this case's canaries, {check.controls} controls. {'; '.join(results)}."


_READERS: Final[tuple[Callable[[bytes, str, float], tuple[Exhibit, str] | None], ...]] = (_policy, _served, _check, _comparison)


def _check_case(named: str, wanted: str) -> None:
    if named != wanted:
        raise AnswersError(f"the file is about {named}, not about {wanted}: name that case")
