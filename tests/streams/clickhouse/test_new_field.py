"""A new field of the event is a line of `streams/schema/event.py` and a migration: everything between follows.

Another process runs the code with that line added: the newer writer and reader. This one is the older.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streams.clickhouse import migrate, rows
from streams.clickhouse.client import ClickHouse
from streams.core.settings import Settings
from streams.privacy.normalise import Normaliser
from streams.privacy.sketch import Sketcher
from streams.schema import event
from streams.schema.blocks import decode
from streams.schema.event import check, parse
from streams.schema.layouts import REQUESTS
from streams.schema.topics import REQUESTS as TOPIC

NOW = 1_790_000_000.0
KEY = b"0123456789abcdef"
EVENT: event.Event = {"timestamp": NOW, "event.id": "e1", "account.id": "ada", "tool_count": 2, "gen_ai.request.effort": 7}
LINE = '    EventField("gen_ai.request.effort", "effort", "number", high=10.0, callers_text=True),\n'
BEFORE = '    EventField("gen_ai.conversation.id"'
MIGRATION = """ALTER TABLE requests
    ADD COLUMN IF NOT EXISTS effort Nullable(Float32) DEFAULT if(isNaN(sent_effort), NULL, sent_effort),
    ADD COLUMN IF NOT EXISTS sent_effort Float32 EPHEMERAL nan;
"""
NEWER = """
import json, sys, types
from pathlib import Path
import streams.schema

path, line, before, text, older = sys.argv[1:]
source = Path(path).read_text()
assert source.count(before) == 1
module = types.ModuleType("streams.schema.event")
sys.modules[module.__name__] = streams.schema.event = module
exec(compile(source.replace(before, line + before), path, "exec"), module.__dict__)

from streams.clickhouse.rows import KafkaRecord, inserts
from streams.privacy.normalise import Normaliser
from streams.privacy.sketch import Sketcher
from streams.schema.blocks import decode
from streams.schema.layouts import REQUESTS

key = b"0123456789abcdef"
event = module.parse(text.encode())
columns = Normaliser(key, Sketcher(key)).columns([event], [module.check(event)])
block = REQUESTS.encode(columns)
(insert, _) = inserts("requests", [KafkaRecord("requests", 0, 0, 1.79e9, block, {})])
row = {name: values.tolist()[0] for name, values in insert.columns.items()}
row["sent_shingles"] = row["sent_shingles"].hex()
print(json.dumps({
    "block": block.hex(),
    "row": row,
    "types": {name: values.dtype.str for name, values in insert.columns.items()},
    "effort": decode(block, REQUESTS).numbers("effort").tolist(),
    "effort of the older block": str(decode(bytes.fromhex(older), REQUESTS).numbers("effort").tolist()),
}))
"""


def older_block() -> bytes:
    known = parse(json.dumps(EVENT).encode())
    return REQUESTS.encode(Normaliser(KEY, Sketcher(KEY)).columns([known], [check(known)]))


@pytest.fixture(scope="module")
def newer() -> dict[str, Any]:
    """What the code with the new field writes and reads."""
    arguments = [str(event.__file__), LINE, BEFORE, json.dumps(EVENT), older_block().hex()]
    done = subprocess.run([sys.executable, "-c", NEWER, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_newer_reader_reads_the_field_and_takes_it_as_unknown_in_an_older_block(newer: dict[str, Any]) -> None:
    assert newer["effort"] == [7.0]
    assert newer["effort of the older block"] == "[nan]"


def test_the_older_reader_ignores_the_field_and_reads_all_others(newer: dict[str, Any]) -> None:
    block = decode(bytes.fromhex(newer["block"]), REQUESTS)
    assert "effort" not in block.batch.schema.names
    assert str(block.batch.to_pylist()) == str(decode(older_block(), REQUESTS).batch.to_pylist()), (
        "unknown is not equal to unknown, but reads alike"
    )


def test_a_migration_of_one_file_keeps_the_field_in_clickhouse(newer: dict[str, Any], settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.FOLDER, folder)
    last = max(migration.number for migration in migrate.load())
    (folder / f"{last + 1:04}_effort.sql").write_text(MIGRATION)
    migrate.run(settings, path=folder)
    clickhouse = ClickHouse(settings)
    row = newer["row"] | {"sent_shingles": bytes.fromhex(newer["row"]["sent_shingles"])}
    columns = {name: np.array([value], newer["types"][name]) for name, value in row.items()}
    columns["time"] = columns["time"] * 0 + int(_now_milliseconds(clickhouse))
    clickhouse.insert("requests", columns, "newer")
    older = rows.inserts(TOPIC, [rows.KafkaRecord(TOPIC, 0, 1, NOW, older_block(), {})])[0].columns
    clickhouse.insert("requests", {**older, "time": columns["time"], "account_id": np.array(["bob"], object)}, "older")
    assert clickhouse.query("SELECT account_id, effort, tool_count FROM requests ORDER BY account_id") == [
        ("ada", 7.0, 2),
        ("bob", None, 2),
    ]
    clickhouse.close()


def _now_milliseconds(clickhouse: ClickHouse) -> int:
    """Return ClickHouse's own time: it drops what has expired as it comes in."""
    return int(clickhouse.query("SELECT toUnixTimestamp(now()) * 1000")[0][0])
