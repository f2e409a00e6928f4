from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.clickhouse.client import ClickHouse, connected
from streams.clickhouse.hash_text import as_hex, hashed
from streams.testing.builders import migrated_clickhouse

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    with migrated_clickhouse(tmp_path_factory.mktemp("clickhouse")) as settings, connected(settings) as client:
        yield client


@pytest.mark.parametrize("value", [1, 0xAB, 0x00FF_0000_0000_0001, 0xFEDC_BA98_7654_3210])
def test_a_hash_is_written_as_the_rest_of_the_project_writes_it_and_read_back(clickhouse: ClickHouse, value: int) -> None:
    text = as_hex(f"toUInt64({value})")
    assert clickhouse.query(f"SELECT {text}, {hashed(text)}") == [(f"{value:016x}", value)]


def test_an_unknown_hash_is_no_text_and_any_other_text_is_no_hash(clickhouse: ClickHouse) -> None:
    assert clickhouse.query(f"SELECT {as_hex('toUInt64(0)')}, {hashed(repr(''))}") == [("", 0)]


def test_no_other_module_writes_or_reads_a_hash_in_sql() -> None:
    """ClickHouse's own `hex` leaves out leading zeros, so that one hash in 256 would have another name."""
    own = re.compile(r"(?<![\w.])(?:un)?hex\(")
    modules = [path for room in ("streams", "dashboards") for path in (ROOT / room).rglob("*.py")]
    allowed = {"streams/clickhouse/hash_text.py", "streams/backup/tables.py"}  # the second writes states of aggregates: no hashes
    assert len(modules) > 300
    assert {str(path.relative_to(ROOT)) for path in modules if own.search(path.read_text(encoding="utf-8"))} <= allowed
