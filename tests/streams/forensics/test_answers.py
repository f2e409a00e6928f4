"""Files of answers: what is read, and one line for each kind of bad input."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streams.forensics import answers
from streams.forensics.errors import AnswersError

ROWS = [{"item": 1, "output": "one"}, {"item": 2, "output": "two"}]


@pytest.mark.parametrize("count", ["\u00b2", "9" * 5_000, "-4", "four", ""])
def test_a_count_of_options_that_is_no_small_number_is_named(tmp_path: Path, count: str) -> None:
    path = tmp_path / "table.jsonl"
    path.write_text(json.dumps({"item": 1, "answer": "A", "options": count}) + "\n")
    with pytest.raises(AnswersError, match="row 1: `options`"):
        answers.read_options(path)


def test_json_lines_csv_and_parquet_say_the_same(tmp_path: Path) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    (tmp_path / "m.jsonl").write_text(lines)
    (tmp_path / "n.jsonl.gz").write_bytes(gzip.compress(lines.encode(), mtime=0))
    (tmp_path / "o.csv").write_text("item,output\n1,one\n2,two\n")
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "p.parquet")
    read = [answers.read_answers(path) for path in answers.files_of(tmp_path)]
    assert [each.model for each in read] == ["m", "n", "o", "p"]
    assert all(each.texts == {"1": "one", "2": "two"} for each in read)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", b"", "is empty: write one answer per line"),
        ("a.jsonl", b"{", "line 1 is not JSON: write one object per line"),
        ("a.jsonl", b"[1]", "line 1 is not an object"),
        ("a.jsonl", b'{"item": 1}', "row 1 lacks `item` or `output`"),
        ("a.jsonl", b'{"item": "' + b"x" * 1_000_001, "line 1 is longer than 1,000,000 bytes"),
        ("a.jsonl.gz", b"no gzip", "cannot read"),
        ("a.csv.gz", gzip.compress(b"item,output\n1,x\n", mtime=0)[:10] + b"\x02\x03\xcb,I\xcd", "cannot read"),
        ("a.jsonl.gz", gzip.compress(b'{"item": 1, "output": "x"}', mtime=0)[:-9], "cannot read"),
        ("a.csv", b"item,output\n1,\xff\n", "is not CSV in UTF-8"),
        ("a.parquet", b"no parquet", "is not a Parquet file"),
        ("a.txt", b"", "has an unsupported suffix"),
        ("b/missing.jsonl", None, "cannot read"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, name: str, content: bytes | None, says: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AnswersError, match=says):
        answers.read_answers(path)


def test_an_item_answered_again_is_counted_and_its_first_answer_kept(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"item": 1, "output": "one"}\n{"item": 1, "output": "two"}\n')
    read = answers.read_answers(path)
    assert (read.texts, read.repeated) == ({"1": "one"}, 1)


def test_of_a_long_file_every_model_keeps_the_same_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_ANSWERS", 10)
    kept = []
    for model, order in (("m", range(1000)), ("n", reversed(range(1000)))):
        path = tmp_path / f"{model}.jsonl"
        path.write_text("".join(json.dumps({"item": item, "output": "x" * 5_000}) + "\n" for item in order))
        kept.append(answers.read_answers(path).texts)
    assert kept[0] == kept[1]
    assert {len(text) for text in kept[0].values()} == {answers.MAX_ANSWER_CHARACTERS}
    assert len(kept[0]) == 10


def test_a_table_of_options_has_one_column_a_model(tmp_path: Path) -> None:
    path = tmp_path / "choices.csv"
    path.write_text("item,category,options,answer,m,n\n1,law,4,A,A,B\n2,law,10,B,,B\n")
    table = answers.read_options(path)
    assert table.chosen == {"m": {"1": "A", "2": ""}, "n": {"1": "B", "2": "B"}}
    assert (table.count, table.category["1"]) == ({"1": 4, "2": 10}, "law")


@pytest.mark.parametrize(
    ("content", "says"),
    [("item,answer,m\n1,A,A\n", "lacks `options`"), ("item,answer,options,m\n1,A,four,A\n", "`options` is not a number"), ("", "is empty")],
)
def test_a_table_that_cannot_be_read_is_one_line(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "choices.csv"
    path.write_text(content)
    with pytest.raises(AnswersError, match=says):
        answers.read_options(path)


def test_a_folder_without_answers_says_what_to_put_there(tmp_path: Path) -> None:
    with pytest.raises(AnswersError, match="put one file per model there"):
        answers.files_of(tmp_path)


def test_prompts_may_have_topics(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"item": 1, "instruction": "Why?", "topic": "law"}\n{"item": 2, "instruction": "How?"}\n')
    assert answers.read_prompts(path) == ({"1": "Why?", "2": "How?"}, {"1": "law"})
