"""`make fuzz`: coverage-guided inputs (atheris) for whatever reads what strangers send. Seeded; prints how many inputs each target read.

A target takes bytes and may only refuse them with an error that a person is meant to read. Anything else, an input that takes over a
second, or one after which the process has grown beyond its bound, ends the run with the input's path: make it a test.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

SEED: Final = 17
RUNS: Final = int(os.environ.get("RUNS", "100000"))
"""Inputs a target."""
GROWTH_MB: Final = 1024
"""Of the whole process, the libraries included."""
INSTRUMENTED: Final = ("streams.schema", "streams.intake", "streams.privacy", "models.state", "streams.clickhouse.rows")
BUILD: Final = Path("build/fuzz")
START: Final = 1_790_000_000.0

Target = Callable[[bytes], object]


def lines() -> tuple[Target, list[bytes]]:
    """Log lines of every format, through the whole collector."""
    collecting, settings = importlib.import_module("streams.intake.collector"), importlib.import_module("streams.core.settings")
    blocks = importlib.import_module("streams.schema.blocks")
    known = settings.Settings(mode="local", partitions=1, fuse_skip=True)

    def read(data: bytes) -> None:
        collector = collecting.Collector(known)
        collector.add(data.split(b"\n"), "fuzz", START)
        for block in collector.flush():
            blocks.decode(block.data, blocks.REQUESTS)

    event = {"timestamp": START, "event.id": "e", "account.id": "a", "prompt": [{"role": "user", "content": "hello"}]}
    litellm = {"startTime": START, "call_type": "x", "id": "e", "metadata": {"user_api_key_user_id": "a"}, "messages": [], "end_user": 1}
    envoy = {"start_time": "2026-09-21T00:00:00Z", "response_code": 200, "x-request-id": "e", "x-account-id": "a", "duration": "12"}
    parameters = {"gen_ai.request.temperature": "0.7", "gen_ai.request.stream": 1, "prompt.sketch": {"shingles": [1], "simhash": "ff"}}
    return read, [json.dumps(each).encode() for each in (event, litellm, envoy, event | parameters)]


def shipments() -> tuple[Target, list[bytes]]:
    """OTLP export requests."""
    otlp = importlib.import_module("streams.intake.formats.otlp")

    def read(data: bytes) -> None:
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):
            return
        if isinstance(found, dict):
            list(otlp.FORMAT.to_canonical(found))

    attribute = {"key": "account.id", "value": {"intValue": "1"}}
    record = {"timeUnixNano": "1790000000000000000", "attributes": [attribute]}
    return read, [json.dumps({"resourceLogs": [{"resource": {"attributes": []}, "scopeLogs": [{"logRecords": [record]}]}]}).encode()]


def blocks() -> tuple[Target, list[bytes]]:
    """Blocks of every layout."""
    schema, errors = importlib.import_module("streams.schema.blocks"), importlib.import_module("streams.core.errors")
    layouts = [value for value in vars(schema).values() if isinstance(value, schema.Layout)]

    def read(data: bytes) -> None:
        try:
            schema.decode(data, *layouts)
        except errors.BlockLayoutError:
            return

    verdicts = {"account_id": ["a", None], "template": [0, 1], "router": [0, 0], "upgrade": [0, 0], "until": [START, START]}
    shadow = {"time": [START], "entity_kind": ["account"], "entity_id": ["a"], "detector": ["d"], "score": [1.0]}
    return read, [schema.VERDICTS.encode(verdicts), schema.SHADOW.encode(shadow)]


def chunks() -> tuple[Target, list[bytes]]:
    """Chunks of state, unpacked: compressed ones would hardly be changed in a way that unpacks."""
    columns, zstandard = importlib.import_module("models.state.columns"), importlib.import_module("zstandard")
    fields = {"count": columns.Field("f8"), "parts": columns.Field("u8", width=3), "votes": columns.Field("u1", 255, labels=("a", "b"))}

    def read(data: bytes) -> None:
        table = columns.Columns("some", fields)
        table.load([("some/0", zstandard.compress(data, 1)), ("some/1", data)])

    full = columns.Columns("some", fields)
    full.touch(full.intern(["ada", "bob"]), 3)
    return read, [zstandard.decompress(full.dump("some/0"))]


def labels() -> tuple[Target, list[bytes]]:
    """Labels, and what the store makes of them."""
    schema, errors = importlib.import_module("streams.schema.labels"), importlib.import_module("streams.core.errors")
    rows, topics = importlib.import_module("streams.clickhouse.rows"), importlib.import_module("streams.schema.topics")

    def read(data: bytes) -> None:
        rows.inserts(topics.LABELS, [rows.Record(topics.LABELS, 0, 0, START, data)])
        try:
            schema.Label.decode(data)
        except errors.MalformedEventError:
            return

    label: dict[str, Any] = {"label_id": "1", "time": START, "entity_kind": "case", "entity_id": "c", "verdict": "benign", "author": "a"}
    return read, [json.dumps({**label, "note": ""}).encode()]


TARGETS: Final = {each.__name__: each for each in (lines, shipments, blocks, chunks, labels)}


def fuzz(name: str) -> None:
    """Run one target in this process. atheris ends it."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(
        include=["streams.schema", "streams.intake", "streams.privacy", "models.state", "streams.clickhouse.rows"]
    ):
        target, seeds = TARGETS[name]()
    corpus = BUILD / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [
        f"-runs={RUNS}",
        f"-seed={SEED}",
        "-timeout=1",
        f"-rss_limit_mb={GROWTH_MB}",
        "-max_len=8192",
        f"-artifact_prefix={corpus}/bad-",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], target)
    atheris.Fuzz()


def main() -> int:
    """Run every target, or those that are named, each in a process of its own."""
    failed = []
    for name in sys.argv[1:] or TARGETS:
        found = subprocess.run([sys.executable, __file__, "--one", name], capture_output=True, text=True, check=False)
        done = re.findall(r"Done (\d+) runs in (\d+) second", found.stderr)
        print(f"{name}: {int(done[-1][0]):,} inputs in {done[-1][1]} s" if done else f"{name}: failed\n{found.stderr[-3000:]}", flush=True)
        if found.returncode or not done:
            failed.append(name)
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        fuzz(sys.argv[2])
    else:
        sys.exit(main())
