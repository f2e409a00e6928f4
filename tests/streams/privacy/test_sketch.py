"""Sketches: alike texts have alike sketches, under one key, in any language."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.errors import SettingsError
from streams.privacy.sketch import SketchColumns, Sketcher, corpus_hash, language_of, load_corpus

TEMPLATE = (
    "You are an expert in {0}. Write a detailed explanation of {0} for a student, with three examples and a short summary at the end."
)
FILLER = " ".join(f"word{chr(97 + number % 26)}{chr(97 + number // 26)}" for number in range(300))


def sketch(*prompts: str | None, key: bytes = b"one key", corpus: frozenset[int] | None = None) -> SketchColumns:
    return Sketcher(key, corpus).columns(prompts)


def shared_shingles(columns: SketchColumns) -> int:
    first, second = columns["shingles"][:2].tolist()
    return len(set(first) & set(second) - {0})


def bits_apart(columns: SketchColumns) -> int:
    first, second = columns["simhash"][:2].tolist()
    return int(first ^ second).bit_count()


def test_equal_prompts_have_equal_sketches_wherever_they_stand_in_a_block() -> None:
    alone = sketch(TEMPLATE.format("tides"))
    among = sketch(FILLER, None, TEMPLATE.format("tides"), "")
    for name in ("simhash", "template", "topic"):
        assert alone[name][0] == among[name][2], name
    assert alone["shingles"][0].tolist() == among["shingles"][2].tolist()


def test_another_key_gives_another_sketch() -> None:
    one, other = sketch(TEMPLATE), sketch(TEMPLATE, key=b"another key")
    assert one["simhash"][0] != other["simhash"][0]
    assert one["template"][0] != other["template"][0]
    assert not set(one["shingles"][0].tolist()) & set(other["shingles"][0].tolist())


def test_shingles_are_the_eight_smallest_ascending_and_zero_where_there_are_none() -> None:
    columns = sketch(FILLER, "hello", "fourteen bytes")
    long, tiny, small = (row.tolist() for row in columns["shingles"])
    assert long == sorted(long)
    assert len(set(long)) == 8
    assert tiny[0] > 0
    assert tiny[1:] == [0] * 7
    assert [each > 0 for each in small] == [True] * 3 + [False] * 5


def test_nobody_asked_is_unknown() -> None:
    columns = sketch(None, "")
    assert not columns["simhash"].any()
    assert not columns["template"].any()
    assert not columns["shingles"].any()
    assert np.isnan(columns["topic"]).all()
    assert np.isnan(columns["asks_reasoning"]).all()
    assert columns["language"].tolist() == [None, None]


def test_one_template_with_two_subjects_shares_most_shingles_and_bits() -> None:
    columns = sketch(TEMPLATE.format("tides"), TEMPLATE.format("glaciers"))
    assert shared_shingles(columns) >= 4
    assert bits_apart(columns) < 20


def test_a_template_in_the_midst_of_other_text_still_shares_shingles() -> None:
    texts = [f"{FILLER[:300]} {TEMPLATE.format('tides')}", f"{TEMPLATE.format('tides')} {FILLER[600:900]}"]
    assert shared_shingles(sketch(*texts)) >= 1


def test_two_unlike_prompts_share_nothing() -> None:
    columns = sketch(TEMPLATE.format("tides"), FILLER)
    assert shared_shingles(columns) == 0
    assert bits_apart(columns) > 15


def test_numbers_case_and_white_space_do_not_change_a_sketch() -> None:
    columns = sketch("Solve problem 17 of\n\tchapter 20, please.", "solve Problem 42 of  chapter 31, please.")
    assert shared_shingles(columns) >= 4
    assert columns["template"][0] == columns["template"][1]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('Translate "good morning" to French, with care', 'Translate "how much is this horse?" to French, with care', True),
        ("Translate « oui » into English", "Translate « non, jamais » into English", True),
        ("Give me 3 facts", "Give me 1,000.5 facts", True),
        ("Give me facts about cats", "Give me facts about dogs", False),
        ("x" * 64 + " cats", "x" * 64 + " dogs", True),
    ],
)
def test_a_template_masks_numbers_and_quotations_of_its_opening(one: str, other: str, same: bool) -> None:  # noqa: FBT001
    columns = sketch(one, other)
    assert (columns["template"][0] == columns["template"][1]) == same


def test_a_system_prompt_is_known_by_its_whole_masked_text() -> None:
    sketcher = Sketcher(b"key")
    assert sketcher.system("Today is day 3. Be kind.") == sketcher.system("Today is day 4. Be kind.") != 0
    assert sketcher.system(FILLER + "a") != sketcher.system(FILLER + "b")
    assert sketcher.system(None) == sketcher.system("") == 0


def test_topics_spread_and_like_prompts_share_theirs() -> None:
    about = [f"please explain the {word} in detail" for word in FILLER.split()]
    topics = sketch(*about)["topic"]
    assert topics.min() >= 0
    assert topics.max() < 2048
    assert len(set(topics.tolist())) > 20
    assert sketch("tell me about photosynthesis")["topic"] == sketch("photosynthesis, a poem")["topic"]


ASKS = {
    "asks_reasoning": (
        "Think step by step. | SHOW YOUR REASONING | 请一步一步推理 | Piensa paso a paso | Denke Schritt für Schritt | "
        "Explique étape par étape | Решай пошагово | Пошагово объясни | ステップバイステップで | Pense passo a passo"
    ),
    "asks_grading": (
        "Rate from 1 to 10 | Use the rubric below | Which answer is better? | {'x': 1, \"score\": 5} | 请评分 | Bewerte die Antwort | "
        "Оцените ответ | Avalie a resposta | 採点してください | on a\nscale of 1-5"
    ),
    "asks_trajectory": "Give the tool call trajectory | <tool_call> | Thought: I should | 工具调用 | appel d'outil | ツール呼び出し",
}


@pytest.mark.parametrize(("name", "prompt"), [(name, prompt) for name, prompts in ASKS.items() for prompt in prompts.split(" | ")])
def test_what_a_prompt_asks_for_is_seen_in_many_languages(name: str, prompt: str) -> None:
    columns = sketch("hello there", prompt, f"{FILLER[:500]} {prompt} and thanks")
    assert columns[name].tolist() == [0.0, 1.0, 1.0]


def test_ordinary_questions_ask_for_none_of_it() -> None:
    columns = sketch("What is the capital of France?", "Write a birthday poem for my aunt", "How do I sort a list in Python?")
    assert all(columns[name].tolist() == [0.0] * 3 for name in ASKS)


def test_a_phrase_does_not_reach_over_two_prompts() -> None:
    assert sketch("think step", " by step")["asks_reasoning"].tolist() == [0.0, 0.0]


def test_of_a_long_prompt_only_head_and_tail_count() -> None:
    head, tail = "a beginning of its own. " * 200, " the end of it. " * 100
    columns = sketch(f"{head}{'x ' * 9000}{tail}", f"{head}{'y ' * 9000}{tail}", f"{head}{tail} step by step")
    assert bits_apart(columns) == 0
    assert columns["asks_reasoning"].tolist() == [0.0, 0.0, 1.0]


def test_a_known_prompt_is_told_only_with_a_corpus(tmp_path: Path) -> None:
    assert np.isnan(sketch("any")["known_corpus"]).all()
    path = tmp_path / "corpus.txt"
    path.write_text(f"{corpus_hash('Natalia sold  Clips'):016x}\n\n", encoding="ascii")
    columns = sketch("natalia sold clips", "something else", None, corpus=load_corpus(path))
    assert columns["known_corpus"][:2].tolist() == [1.0, 0.0]
    assert np.isnan(columns["known_corpus"][2])


def test_a_corpus_that_cannot_be_read_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text("ff\nno hash\n", encoding="ascii")
    with pytest.raises(SettingsError, match="line 2"):
        load_corpus(path)
    with pytest.raises(SettingsError, match="cannot read"):
        load_corpus(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("hello", None),
        ("größe", None),
        ("你好世界", "zh"),
        ("こんにちは世界", "ja"),
        ("привет", "ru"),
        ("안녕", "ko"),
        ("日本語を学ぶ", "ja"),
        ("αβγ", "el"),
        ("a € b", None),
    ],
)
def test_the_script_gives_some_languages_away(text: str, language: str | None) -> None:
    assert language_of(text) == language


@given(st.lists(st.text(max_size=80), max_size=8))
def test_any_text_has_a_sketch_and_the_same_one_alone(prompts: list[str]) -> None:
    together = sketch(*prompts)
    for row, prompt in enumerate(prompts):
        alone = sketch(prompt)
        assert together["simhash"][row] == alone["simhash"][0]
        assert together["shingles"][row].tolist() == alone["shingles"][0].tolist()
        assert (together["simhash"][row] > 0) == bool(prompt)


def test_a_text_that_many_rows_share_is_looked_at_once() -> None:
    shared = "Explain, step by step, why the sky is blue. " * 90
    began = time.thread_time()
    columns = sketch(*[shared] * 20_000, None, "another text")
    assert time.thread_time() - began < 1.0  # one by one they take over 3 s
    assert len(set(columns["simhash"].tolist())) == 3
    assert columns["language"].tolist() == [None] * 20_002


def test_endless_repetition_has_few_shingles_and_no_error() -> None:
    columns = sketch("a" * 4000, "ab" * 2000, "\x00" * 100, "\n" * 4096)
    assert [(row > 0).sum() for row in columns["shingles"]] == [1, 2, 1, 1]
