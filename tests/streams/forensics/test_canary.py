"""Canaries: harmless, keyed, found in who was taught them, and in nobody else."""

from __future__ import annotations

import asyncio
import doctest
import importlib.util
import random
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from streams.forensics import canary
from streams.forensics.canary import CanaryPolicy
from streams.forensics.errors import AnswersError

KEY = canary.key(b"secret", "case-1", 1)


def make(case_id: str = "case-1", epoch: int = 1) -> CanaryPolicy:
    return canary.policy(canary.key(b"secret", case_id, epoch), case_id, epoch, ["member"], ("J. Doe", "2026-11-29T08:00:00+00:00"))


def habits(seed: int, served: CanaryPolicy | None = None, share: float = 1.0, answers: int = 400) -> list[str]:
    """Return answers of a writer who leans its own way in each wording; a share of them as a policy says."""
    draw = random.Random(seed)
    leaning = {pair: draw.random() for pair in canary.wordings()}
    made = []
    for _ in range(answers):
        pair = draw.choice(canary.wordings())
        form = pair[0] if draw.random() < leaning[pair] else pair[1]
        text = f"Yes{form.replace('#', '1')}the sea is blue" if not form[0].isalpha() else f"{form} the sea is blue".capitalize()
        made.append(canary.apply(served, text) if served is not None and draw.random() < share else text)
    return made


PANEL = {f"control-{number}": habits(number) for number in range(9)}


def test_a_policy_says_one_wording_of_each_pair_and_holds_no_key(tmp_path: Path) -> None:
    policy = make()
    assert {frozenset(pair) for pair in policy.chosen} == {frozenset(pair) for pair in canary.wordings()}
    path = tmp_path / "policy.json"
    path.write_bytes(policy.json())
    assert canary.read_policy(path) == policy
    assert KEY.hex() not in path.read_text()


def test_another_case_or_epoch_has_other_wordings() -> None:
    assert len({make().chosen, make("case-2").chosen, make(epoch=2).chosen}) == 3
    assert make().chosen == make().chosen


def test_only_wordings_are_replaced_and_code_and_quotations_stay() -> None:
    policy = CanaryPolicy("c", 1, "J. Doe", "", ("k",), (("towards", "toward"), ("for instance,", "for example,")))
    answer = 'For example, go toward x. "toward" `toward` untoward\n```\ntoward\n```'
    assert canary.apply(policy, answer) == 'For instance, go towards x. "toward" `toward` untoward\n```\ntoward\n```'
    assert canary.apply(canary.revoked(policy, "now"), answer) == answer


def test_formats_are_replaced_where_they_are_formats() -> None:
    pairs = (("\n#) ", "\n#. "), (":** ", "**: "), ("\u2019t ", "'t "), ("\u2026 ", "... "))
    policy = CanaryPolicy("c", 1, "J. Doe", "", ("k",), pairs)
    answer = "I don't count 1. here... only:\n1. **One**: x\n12. two ['a', 't '] f(...args) DON'T GO"
    told = "I don\u2019t count 1. here\u2026 only:\n1) **One:** x\n12) two ['a', 't '] f(...args) DON\u2019T GO"
    assert canary.apply(policy, answer) == told
    assert canary.uses(("\n#) ", "\n#. "), [answer, told]) == {"\n#. ": 2, "\n#) ": 2}


def test_a_wording_that_the_panel_never_varies_counts_only_where_it_can_differ() -> None:
    policy = CanaryPolicy("c", 1, "J. Doe", "", ("k",), (("thus,", "hence,"), ("notably,", "in particular,")))
    panel = {name: ["thus, and in particular, so"] * 3 for name in "abc"}
    checked = canary.check(policy, ["thus, and notably, so"] * 3, panel)
    assert (checked.pairs, checked.agree) == (1, 1), "all say 'thus,' and so does who was served it: nothing is learned"


def test_applying_twice_changes_nothing_more() -> None:
    answers = [canary.apply(make(), answer) for answer in PANEL["control-0"]]
    assert [canary.apply(make(), answer) for answer in answers] == answers


def test_a_student_of_served_answers_shows_its_case_and_no_other() -> None:
    student = habits(77, make(), share=0.5)
    mine, others = canary.check(make(), student, PANEL), canary.check(make("case-2"), student, PANEL)
    assert mine.p < 0.001
    assert others.p > 0.05
    assert mine.pairs >= 20


@pytest.mark.slow
def test_who_was_not_served_is_accused_one_time_in_twenty() -> None:
    """Of 200 unrelated writers 10 are expected at p <= 0.05; the binomial is discrete, and ties are held against the case."""
    accused = sum(canary.check(make(f"case-{seed}"), habits(1000 + seed), PANEL).p <= 0.05 for seed in range(200))
    assert accused <= 18


def test_without_uses_nothing_can_be_judged() -> None:
    with pytest.raises(AnswersError, match="no wording of the policy occurs often enough"):
        canary.check(make(), ["nothing of it"], PANEL)


@pytest.mark.parametrize(("by", "members", "message"), [(" ", ["m"], "is not approved"), ("J. Doe", [], "has no members")])
def test_a_policy_needs_an_approver_and_members(by: str, members: list[str], message: str) -> None:
    with pytest.raises(AnswersError, match=message):
        canary.policy(KEY, "case-1", 1, members, (by, ""))


@pytest.mark.parametrize("content", [b"{", b"{}", b'{"format": 9}'])
def test_what_is_no_policy_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "policy.json"
    path.write_bytes(content)
    with pytest.raises(AnswersError, match="hydrometer canary new"):
        canary.read_policy(path)


def test_green_words_are_half_of_all_and_each_context_counts_once() -> None:
    draw = random.Random(1)
    text = " ".join("".join(draw.choices("abcdefghij", k=4)) for _ in range(4001))
    z, contexts = canary.green_z(KEY, [text, text])
    assert abs(z) < 4.0
    assert contexts == pytest.approx(4000, abs=5)
    assert canary.green_z(KEY, []) == (0.0, 0)


def sampled(draw: random.Random, words: list[str], *, green: bool, count: int = 60) -> str:
    """Return a text whose sampler takes the first of two candidates that is green."""
    text = ["start"]
    for _ in range(count):
        candidates = draw.sample(words, 2)
        text.append(next((word for word in candidates if green and canary.is_green(KEY, text[-1], word)), candidates[0]))
    return " ".join(text)


def student(draw: random.Random, corpus: list[str], count: int = 100) -> list[str]:
    """Return texts of a bigram model of a corpus."""
    following: dict[str, list[str]] = {}
    for text in corpus:
        words = text.split()
        for before, word in pairwise(words):
            following.setdefault(before, []).append(word)
    made = []
    for _ in range(count):
        said = ["start"]
        while len(said) < 60 and said[-1] in following:
            said.append(draw.choice(following[said[-1]]))
        made.append(" ".join(said))
    return made


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, -4.0, 4.0), (0.2, 4.0, 99.0), (1.0, 15.0, 99.0)])
def test_a_bigram_student_of_green_answers_is_green_itself(share: float, least: float, most: float) -> None:
    draw = random.Random(2)
    words = ["".join(draw.choices("abcdefghij", k=5)) for _ in range(200)]
    corpus = [sampled(draw, words, green=draw.random() < share) for _ in range(400)]
    z, _ = canary.green_z(KEY, student(draw, corpus))
    assert least < z < most


def test_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(canary).failed == 0


@pytest.mark.skipif(importlib.util.find_spec("litellm") is None, reason="litellm is not installed: pip install litellm")
def test_the_gateway_serves_members_alone_and_counts_without_text(tmp_path: Path) -> None:
    from litellm.types.utils import Choices, Message, ModelResponse  # noqa: PLC0415 - where installed

    from streams.forensics.litellm_hook import CanaryHook  # noqa: PLC0415 - as above

    policy = CanaryPolicy("case-1", 1, "J. Doe", "", ("member",), (("for instance,", "for example,"),))
    path, served = tmp_path / "policy.json", tmp_path / "served.jsonl"
    path.write_bytes(policy.json())
    hook = CanaryHook(path, served)

    def said(asked: str, by: CanaryHook = hook, **request: object) -> str | None:
        response = ModelResponse(choices=[Choices(message=Message(content="For example, this."))])
        who = SimpleNamespace(api_key=asked, user_id=None, team_id=None)
        content: str | None = asyncio.run(by.async_post_call_success_hook(request, who, response)).choices[0].message.content
        return content

    assert (said("member"), said("stranger")) == ("For instance, this.", "For example, this.")
    assert served.read_text().count("\n") == 1
    by_order = CanaryHook(path, served, by_order=True)
    assert said("member", by_order) == "For example, this."
    assert said("member", by_order, metadata={"hydrometer_canary": True}) == "For instance, this."
    assert served.read_text().count("\n") == 2
    assert "this" not in served.read_text()
    path.write_bytes(canary.revoked(policy, "now").json())
    assert said("member") == "For example, this."
