"""Canaries: keyed choices between equal wordings in the answers to a case's members, which a model trained on them repeats.

A canary never changes what an answer says: it replaces "for example," by "for instance,", or "1." in a list by "1)", or the other way
round, as a bit of a key derived from case and epoch decides, outside code and quotations. No form means anything in a program or a data
file. No made-up name is served, even if it is marked as such: an answer must stay true. Bits are independent of whoever was not served
them, so a suspect's wordings agree with them as the panel's do, about one time in two. The same key makes a green list for a sampler.

Sources: Kirchenbauer et al. 2023, "A watermark for large language models" (arXiv 2301.10226) for the green list and its z-test; Sander et
al. 2024, "Watermarking makes language models radioactive" (arXiv 2402.14904) for counting each context once. A paraphrase by another
model removes both (arXiv 2502.11598). Canaries are served openly: the terms of use have to name them, and a policy says so.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Final

import msgspec

from streams.core.typed_json import read_json
from streams.forensics.errors import AnswersError

FORMAT_VERSION: Final = 1
GREEN_SHARE: Final = 0.5
MIN_USES: Final = 3
"""A wording counts when the suspect and the panel use it, in either form, at least this often."""
MIN_SPREAD_SHARE: Final = 0.02
"""Standard deviation of a share among models that is taken for granted: a panel is small."""
USE_VARIANCE_SHARE: Final = 0.25
"""Variance of one use, at a share of one half."""
MAX_LEAN_DEVIATIONS: Final = 4.0
"""Standard deviations that one wording can count."""
EXACT_LEANS: Final = 14
"""Wordings up to which every combination of bits is counted; above, DRAWN_SIGNS are drawn."""
DRAWN_SIGNS: Final = 100_000
_VERBATIM: Final = re.compile(r"(```.*?```|`[^`\n]*`|\"[^\"\n]*\")", re.DOTALL)
_WORD: Final = re.compile(r"[^\W\d_]+")
_NUMBER: Final = re.compile(r"\d+")
DISCLOSURE: Final = "Answers may use either of two equal wordings, chosen per customer, so that unlicensed training on them can be shown."


class CanaryPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"chosen": "say"}):
    """A case's policy for a gateway: for each pair of wordings the one to use. It contains no key."""

    case_id: str
    epoch: int
    approved_by: str
    approved_at: str
    members: tuple[str, ...]
    """Keys, users or teams as the gateway names them."""
    chosen: tuple[tuple[str, str], ...]
    """Wordings: the one to use, and the one that it replaces."""
    revoked_at: str = ""
    disclosure: str = DISCLOSURE
    format: int = FORMAT_VERSION

    def json(self) -> bytes:
        """Return the policy as a file."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"


@dataclass(frozen=True)
class Wording:
    """The result of a check: of `pairs` wordings that occur often enough, `agree` lean towards the case's bits more than the panel does."""

    case_id: str
    epoch: int
    pairs: int
    agree: int
    panel_rate: float
    p_count: float
    """Probability of as many by the panel's rate (exact binomial): every wording counts as one."""
    p: float
    """Probability that drawn bits lean as far, where a wording counts by how unusual the suspect's lean is."""


class CheckedPolicy(msgspec.Struct, frozen=True):
    """The result of a check for one policy, corrected over all policies of the check."""

    case_id: str
    epoch: int
    pairs: int
    agree: int
    panel_rate: float
    p_count: float
    p: float
    p_corrected: float
    green_z: float | None = None
    """Standard deviations of green words over one half; None where they were not counted."""
    green_contexts: int | None = None


class CheckReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `hydrometer canary check --json` prints."""

    suspect: str
    controls: int
    policies: tuple[CheckedPolicy, ...]
    sha256: dict[str, str]
    """SHA-256 of each file that was read, by its path."""
    format: int = FORMAT_VERSION


def wordings() -> tuple[tuple[str, str], ...]:
    """Return the pairs of equal wordings and formats, in the order that keys count them; "#" is any number of a list."""
    return tuple((one, other) for one, other in json.loads(Path(__file__).with_name("wordings.json").read_text(encoding="utf-8")))


def key(secret: bytes, case_id: str, epoch: int) -> bytes:
    """Return the key of a case's epoch (HMAC-SHA256); another epoch's is independent, so the next one replaces a leaked policy."""
    return hmac.new(secret, f"canary\0{case_id}\0{epoch}".encode(), hashlib.sha256).digest()


def bits(canary_key: bytes, count: int) -> list[bool]:
    """Return a key's bits; a bit selects the first wording of a pair."""
    return [bool(hmac.digest(canary_key, f"wording {number}".encode(), "sha256")[0] & 1) for number in range(count)]


def policy(canary_key: bytes, case_id: str, epoch: int, members: Sequence[str], approval: tuple[str, str]) -> CanaryPolicy:
    """Return the policy of a case, with the bits of `canary_key`, which is derived for this `epoch`.

    `approval` is who and when (ISO 8601). Raises AnswersError without an approver or members.
    """
    approved_by, approved_at = approval
    if not approved_by.strip():
        raise AnswersError("the canary is not approved: give --approved-by NAME")
    if not members:
        raise AnswersError("the canary has no members: give --member for each key that gets it")
    pairs = wordings()
    chosen = tuple((one, other) if first else (other, one) for (one, other), first in zip(pairs, bits(canary_key, len(pairs)), strict=True))
    return CanaryPolicy(case_id, epoch, approved_by, approved_at, tuple(members), chosen)


def read_policy(path: Path) -> CanaryPolicy:
    """Read a policy. Raises AnswersError when it is missing or not a policy."""
    try:
        policy = read_json(path.read_bytes(), CanaryPolicy)
    except OSError as error:
        raise AnswersError(f"cannot read {path} ({error.strerror}): give a policy file of `hydrometer canary new`") from error
    except msgspec.DecodeError as error:
        raise AnswersError(f"{path} is not a policy: give a file of `hydrometer canary new`") from error
    if policy.format != FORMAT_VERSION:
        raise AnswersError(f"{path} is a policy of another version: write it again with `hydrometer canary new`")
    return policy


def revoked(policy: CanaryPolicy, at: str) -> CanaryPolicy:
    """Return the policy as one that is no longer served."""
    return msgspec.structs.replace(policy, revoked_at=at)


def apply(policy: CanaryPolicy, answer: str) -> str:
    """Return an answer with the policy's wordings; code, and upper case of a first letter, stay.

    >>> apply(CanaryPolicy("c", 1, "a", "", ("k",), (("for instance,", "for example,"),)), "For example, `for example,`")
    'For instance, `for example,`'
    """
    if policy.revoked_at:
        return answer
    return replace(answer, {replaced: wording for wording, replaced in policy.chosen})


def replace(answer: str, replacements: Mapping[str, str], chosen: Callable[[], bool] = lambda: True) -> str:
    """Return an answer with forms replaced outside code and quotations, by `replacements`, each use of one if `chosen` says so."""
    pattern = _pattern(tuple(replacements))
    parts = _VERBATIM.split(answer)
    parts[::2] = [pattern.sub(lambda form: _cased(form[0], replacements) if chosen() else form[0], part) for part in parts[::2]]
    return "".join(parts)


def at_least(count: int, of: int, rate: float) -> float:
    """Return the probability of `count` successes or more of `of`, each at a probability of `rate`, 0 to 1 (exact binomial).

    A gateway that serves canaries has no scipy.

    >>> at_least(2, 2, 0.5)
    0.25
    """
    return math.fsum(math.comb(of, hits) * rate**hits * (1 - rate) ** (of - hits) for hits in range(count, of + 1))


def check(policy: CanaryPolicy, suspect: Iterable[str], panel: Mapping[str, Iterable[str]]) -> Wording:
    """Return how far a suspect's wordings lean towards a policy, with what chance bits would do.

    Each wording's lean is the suspect's share of the policy's form, less the panel's median share. One that is just the median says
    nothing: the other bit would have been the same. Bits are drawn without regard to the suspect, and the other bit turns a lean around.
    So the sum of leans, in standard deviations of the panel, is compared with the sums under other bits (Fisher's randomisation test:
    exact, whatever the suspect's own habits). Raises AnswersError when no wording occurs often enough.
    """
    forms = tuple(form for pair in policy.chosen for form in pair)
    return check_uses(policy, uses(forms, suspect), [uses(forms, answers) for answers in panel.values()])


def uses(forms: Sequence[str], answers: Iterable[str]) -> Counter[str]:
    """Return how often each form of a wording occurs outside code and quotations.

    >>> uses(["for example,", "for instance,"], ["For example, `for example,`"])
    Counter({'for example,': 1})
    """
    pattern = _pattern(tuple(forms))
    return Counter(_form(form) for answer in answers for part in _VERBATIM.split(answer)[::2] for form in pattern.findall(part))


def check_uses(policy: CanaryPolicy, suspect: Mapping[str, int], panel: Sequence[Mapping[str, int]]) -> Wording:
    """Return what `check` does, from how often each form occurs in the suspect's answers and in those of each model of the panel.

    Raises AnswersError when no wording occurs often enough.
    """
    own = _shares(policy, suspect)
    others = [_shares(policy, counted) for counted in panel]
    leans: list[float] = []
    chances: list[bool] = []
    for number, (share, count) in own.items():
        known = [shares[number][0] for shares in others if number in shares]
        if len(known) < MIN_USES:
            continue
        middle = median(known)
        chances += [shares > middle for shares in known if shares != middle]
        if share != middle:
            spread = fmean((shares - middle) ** 2 for shares in known) + USE_VARIANCE_SHARE / count + MIN_SPREAD_SHARE**2
            leans.append((share - middle) / math.sqrt(spread))
    if not leans:
        raise AnswersError("no wording of the policy occurs often enough: give more answers, and at least 3 controls")
    agree, rate = sum(lean > 0 for lean in leans), max(0.5, (sum(chances) + 1) / (len(chances) + 2))
    by_count = at_least(agree, len(leans), rate)
    return Wording(policy.case_id, policy.epoch, len(leans), agree, rate, by_count, by_other_bits(leans))


def by_other_bits(leans: Sequence[float]) -> float:
    """Return the share of drawn signs under which leans, each at most MAX_LEAN_DEVIATIONS, add up to as much.

    >>> by_other_bits([1.0]), by_other_bits([-1.0]), by_other_bits([3.0] * 20) < 0.001
    (0.5, 1.0, True)
    """
    import numpy as np  # noqa: PLC0415 (a gateway that serves canaries needs none)

    limited = np.clip(leans, -MAX_LEAN_DEVIATIONS, MAX_LEAN_DEVIATIONS)
    if len(limited) <= EXACT_LEANS:
        signs = 1 - 2 * ((np.arange(2 ** len(limited))[:, None] >> np.arange(len(limited))) & 1)
        return float((signs @ np.abs(limited) >= limited.sum() - 1e-9).mean())
    drawn = np.random.default_rng(0).choice((-1.0, 1.0), (DRAWN_SIGNS, len(limited))) @ np.abs(limited)
    return float(((drawn >= limited.sum() - 1e-9).sum() + 1) / (DRAWN_SIGNS + 1))


def is_green(canary_key: bytes, before: str, word: str) -> bool:
    """Return whether `word` is green after `before` under this `canary_key`: for a sampler to prefer, and for `green_z` to count."""
    digest = hmac.digest(canary_key, f"{before}\0{word}".encode(), "sha256")
    return digest[0] < 256 * GREEN_SHARE


def green_z(canary_key: bytes, answers: Iterable[str]) -> tuple[float, int]:
    """Return z = (green - n / 2) / sqrt(n / 4) over n distinct contexts (word before, word), and n; none gives 0."""
    contexts = {pair for answer in answers for pair in _bigrams(answer)}
    green = sum(is_green(canary_key, *pair) for pair in contexts)
    count = len(contexts)
    return ((green - GREEN_SHARE * count) / math.sqrt(count * GREEN_SHARE * (1 - GREEN_SHARE)) if count else 0.0), count


def _bigrams(answer: str) -> list[tuple[str, str]]:
    words = _WORD.findall(answer.lower())
    return list(pairwise(words))


def _shares(policy: CanaryPolicy, counted: Mapping[str, int]) -> dict[int, tuple[float, int]]:
    """Return by number of wording the share of the policy's form, and the uses of both, where there are MIN_USES."""
    totals = [counted.get(chosen, 0) + counted.get(replaced, 0) for chosen, replaced in policy.chosen]
    return {number: (counted.get(policy.chosen[number][0], 0) / total, total) for number, total in enumerate(totals) if total >= MIN_USES}


def _form(form: str) -> str:
    """Return a form in an answer, as the list of pairs has it."""
    return _NUMBER.sub("#", form.lower())


def _cased(original: str, replacements: Mapping[str, str]) -> str:
    chosen = replacements[_form(original)]
    number = _NUMBER.search(original)
    if number is not None:
        return chosen.replace("#", number.group())
    if not original[0].isalpha():
        return chosen.upper() if original.isupper() else chosen
    return chosen[0].upper() + chosen[1:] if original[0].isupper() else chosen


@cache
def _pattern(forms: tuple[str, ...]) -> re.Pattern[str]:
    """Return what finds any of the forms: phrases between other words, numbers at the start of a line, other marks after a letter."""
    phrases: list[str] = []
    lines: list[str] = []
    marks: list[str] = []
    for form in sorted(forms, key=len, reverse=True):
        place = phrases if form[0].isalpha() else lines if form[0] == "\n" else marks
        place.append(re.escape(form).replace(r"\#", r"\d{1,2}"))
    kinds = ((r"(?<!\w)(?:{})(?!\w)", phrases), ("(?:{})", lines), (r"(?<=[^\W\d_])(?:{})", marks))
    return re.compile("|".join(kind.replace("{}", "|".join(escaped)) for kind, escaped in kinds if escaped), re.IGNORECASE)
