"""Reference pages follow from the code."""

from __future__ import annotations

import re
from pathlib import Path

from streams.cli import reference
from streams.cli.reference import field_notes, replay_page, tables_page
from streams.clickhouse import migrate, retention
from streams.schema import topics
from streams.schema.cases import AlertPayload, CasePayload
from streams.schema.replay_files import FILES


def test_the_replay_page_has_every_file_and_every_field() -> None:
    sections = {section.partition("\n")[0]: section for section in replay_page().split("\n## ")[1:]}
    assert set(sections) == {*FILES, "alerts.jsonl", "cases.jsonl"}
    for name, record in FILES.items():
        assert all(f"| `{field}` |" in sections[name] for field in record.__struct_fields__)


def test_a_fields_note_is_the_docstring_below_it_also_of_a_field_that_is_inherited() -> None:
    assert (
        field_notes(AlertPayload)["families"]
        == field_notes(CasePayload)["families"]
        == "Nats by family, of a group the mean of its suspect accounts. What counts of them is in `score`."
    )
    assert "summary" not in field_notes(AlertPayload)


def test_a_type_is_written_as_in_python_and_a_moment_as_seconds() -> None:
    page = replay_page()
    assert "| `first_alert_at` | `seconds \\| None` | Of extraction. |" in page
    assert "| `families` | `dict[str, float]` | Nats by family. |" in page


def test_a_column_that_a_later_migration_adds_is_in_its_table(tmp_path: Path) -> None:
    (tmp_path / "0001_parcels.sql").write_text("CREATE TABLE IF NOT EXISTS parcels\n(\n    name String\n)\nENGINE = Memory;\n")
    (tmp_path / "0002_colour.sql").write_text("ALTER TABLE parcels ADD COLUMN IF NOT EXISTS colour Nullable(Float32) DEFAULT NULL;\n")
    assert "| `name` | `String` |  |\n| `colour` | `Nullable(Float32) DEFAULT NULL` |  |" in tables_page(tmp_path)


def test_every_topic_and_every_table_has_an_end_that_the_page_names() -> None:
    page = reference.retention_page()
    assert all(topic.retention_hours > 0 and f"topic `{topic.name}`" in page for topic in topics.TOPICS)
    made = {name for migration in migrate.load() for name in re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", migration.sql)}
    assert made - retention.ENDLESS == reference.table_days().keys()
    assert reference.table_days()["labels"] == 1095
