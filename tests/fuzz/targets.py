"""What `make fuzz` feeds: for each reader of what strangers send, a function of bytes and inputs to begin with.

A target may only refuse its bytes with an error that a person is meant to read. Nothing is written to disk: readers of files read from
memory (`/dev/shm`). Modules are imported by name inside of each target, so that only what it reads is measured.
"""

from __future__ import annotations

import base64
import functools
import gzip
import importlib
import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
START: Final = 1_790_000_000.0
KEY: Final = b"the seal key of these inputs"

Target = Callable[[bytes], object]
Seeded = tuple[Target, list[bytes]]
"""A target and its first inputs."""


def load(name: str) -> Any:
    """Return a module of ours, loaded and measured when a target asks for it."""
    return importlib.import_module(name)


def lines() -> Seeded:
    """Log lines of every format, through the whole collector."""
    collecting, settings, blocks = load("streams.intake.collector"), load("streams.core.settings"), load("streams.schema.blocks")
    requests = load("streams.schema.layouts").REQUESTS
    collector = collecting.Collector(settings.Settings(mode="local", partitions=1, fuse_skip=True))

    def read(data: bytes) -> None:
        collector.add(data.split(b"\n"), "fuzz", START)
        for block in collector.flush():
            blocks.decode(block.data, requests)

    samples = ROOT / "tests" / "streams" / "intake" / "formats" / "samples"
    first = [line for path in sorted(samples.glob("*.jsonl")) for line in itertools.islice(path.read_bytes().splitlines(), 3)]
    event = {"timestamp": START, "event.id": "e", "account.id": "a", "prompt": [{"role": "user", "content": "hello"}]}
    parameters = {"gen_ai.request.temperature": "0.7", "gen_ai.request.stream": 1, "prompt.sketch": {"shingles": [1], "simhash": "ff"}}
    return read, [*(json.dumps(each).encode() for each in (event, event | parameters)), *first]


def shipments() -> Seeded:
    """OTLP export requests."""
    otlp = load("streams.intake.formats.otlp")

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


def protobuf() -> Seeded:
    """OTLP export requests in protobuf, of logs and of traces."""
    wire, otlp, settings = (
        load("streams.intake.otlp_wire"),
        load("streams.intake.formats.otlp"),
        list(load("streams.intake.otlp_wire").SIGNALS.values()),
    )

    def read(data: bytes) -> None:
        for signal in settings:
            found = signal.read(data) if wire.is_within(data, 1_000) else None
            if found is not None:
                list(otlp.FORMAT.to_canonical(found))

    logs = load("opentelemetry.proto.collector.logs.v1.logs_service_pb2").ExportLogsServiceRequest()
    record = logs.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=1_790_000_000_000_000_000)
    record.attributes.add(key="account.id").value.string_value = "a"
    record.attributes.add(key="gen_ai.input.messages").value.array_value.values.add().string_value = "hello"
    spans = load("opentelemetry.proto.collector.trace.v1.trace_service_pb2").ExportTraceServiceRequest()
    spans.resource_spans.add().scope_spans.add().spans.add(span_id=b"12345678", start_time_unix_nano=1)
    return read, [logs.SerializeToString(), spans.SerializeToString()]


def deliveries() -> Seeded:
    """Deliveries of Amazon Data Firehose, plain and packed records."""
    firehose, limit_bytes = load("streams.intake.firehose"), 100_000

    def read(data: bytes) -> None:
        try:
            firehose.records(json.loads(data), limit_bytes)
        except (ValueError, RecursionError, firehose.TooLargeError):
            return

    records = [base64.b64encode(content).decode() for content in (b"{}", gzip.compress(b"{}" * 100))]
    return read, [json.dumps({"requestId": "r", "records": [{"data": record} for record in records]}).encode()]


def texts() -> Seeded:
    """Addresses, times and names, as strangers write them, on their way to a terminal and a pseudonym."""
    printable, pseudonym = load("streams.core.printable").printable, load("streams.privacy.pseudonym").network_of
    event, errors = load("streams.schema.event"), load("streams.core.errors")

    def read(data: bytes) -> None:
        text = data.decode("utf-8", "surrogateescape")
        shown = printable(text)
        assert printable(shown) == shown
        pseudonym(text)
        try:
            event.seconds("timestamp", text)
        except errors.MalformedEventError:
            return

    return read, [b"203.0.113.7:443", b"[2001:db8::1%eth0]:80", b"2026-09-21T14:13:60Z", b"a\x1b[2J\xe2\x80\xaeb"]


def layouts() -> list[Any]:
    """Return the layout of every block."""
    return list(load("streams.testing.tampering").LAYOUTS)


def block_seeds() -> list[bytes]:
    """Return a good block of every layout, as it is and folded."""
    samples, encode = [load("streams.testing.tampering").sample(layout) for layout in layouts()], load("streams.schema.blocks").encode
    return [each for sample in samples for each in (sample.encoded(), encode(sample.folded()))]


def blocks() -> Seeded:
    """Blocks of every layout."""
    schema, errors, every = load("streams.schema.blocks"), load("streams.core.errors"), layouts()

    def read(data: bytes) -> None:
        try:
            schema.decode(data, *every)
        except errors.BlockLayoutError:
            return

    return read, block_seeds()


def stages() -> Seeded:
    """Blocks, through the stages that read them and the rows that are made of them."""
    errors, topics, rows = load("streams.core.errors"), load("streams.schema.topics"), load("streams.clickhouse.rows")
    accounts = load("streams.stages.accounts.stage").Accounts(0, 2, KEY, {}, shingle_cells=1 << 10)
    groups, cases = load("streams.stages.groups.stage").Groups(0, 1, KEY), load("streams.cases.stage").Cases()
    offsets = itertools.count()
    doors = (accounts.apply, accounts.apply_feedback, groups.apply, cases.apply)
    stored = (topics.REQUESTS, topics.SCORES, topics.SHADOW)  # the others are no blocks: the target `records` reads them

    def read(data: bytes) -> None:
        offset = next(offsets)
        for apply in doors:
            try:
                apply(data, offset)
            except errors.BlockLayoutError:
                continue
        for topic in stored:
            rows.inserts(topic, [rows.KafkaRecord(topic, 0, offset, START, data)])

    return read, block_seeds()


def chunks() -> Seeded:
    """Chunks of state, unpacked: compressed ones would hardly be changed in a way that unpacks."""
    columns, zstandard = load("models.state.columns"), load("zstandard")
    fields = {"count": columns.Field("f8"), "parts": columns.Field("u8", width=3), "votes": columns.Field("u1", 255, labels=("a", "b"))}
    pack = functools.partial(zstandard.compress, level=1)

    def read(data: bytes) -> None:
        columns.Columns("some", fields, 4).load([("some/0", pack(data)), ("some/1", data)])

    full = columns.Columns("some", fields, 4)
    full.touch(full.intern(["ada", "bob"]), 3)
    return read, [zstandard.decompress(full.dump("some/0"))]


def records() -> Seeded:
    """All that travels as JSON: what the cases stage and the store make of it."""
    labels, errors, tampering = load("streams.schema.labels"), load("streams.core.errors"), load("streams.testing.tampering")
    rows, topics, stage = load("streams.clickhouse.rows"), load("streams.schema.topics"), load("streams.cases.stage").Cases()
    stored = [topic for topic in rows.STORED if topic not in (topics.REQUESTS, topics.SCORES, topics.SHADOW)]

    def read(data: bytes) -> None:
        for topic in stored:
            rows.inserts(topic, [rows.KafkaRecord(topic, 0, 0, START, data, {"reason": data[:80], "source": None})])
        try:
            labels.Label.decode(data)
            stage.apply_feedback(data, 0)
        except errors.MalformedEventError:
            return

    samples = [path.read_bytes() for path in sorted((ROOT / "tests").rglob("samples/*.json"))]
    return read, [*map(tampering.json_sample, tampering.KINDS), *samples]


def native() -> Seeded:
    """ClickHouse's native protocol: greetings, queries, frames, blocks and names of types. The first byte chooses."""
    wire, request, frames = load("streams.devserver.wire"), load("streams.devserver.request"), load("streams.devserver.frames")
    walk, types = load("streams.devserver.native"), load("streams.devserver.layouts")
    known = frozenset({"max_threads"})

    def ignore(_part: bytes) -> None:
        return None

    def read(data: bytes) -> None:
        reader = wire.WireReader.over(data[1:])
        try:
            match data[0] % 5 if data else 0:
                case 0:
                    request.read_hello(reader)
                case 1:
                    request.read_query(reader, request.REVISION, known, 1 << 16)
                case 2:
                    frames.read_frame(reader)
                case 3:
                    walk.pass_block(reader, ignore, 1 << 20, marks_in=True)
                case 4:
                    types.layout(data[1:].decode("utf-8", "replace"))
        except wire.ProtocolError:
            return

    text, number = wire.text, wire.varint
    hello = number(0) + text("client") + number(1) + number(1) + number(54459) + text("db") + text("user") + text("word")
    empty = text("") * 3
    client = b"\x01" + empty + bytes(9) + empty + number(1) * 3 + text("") + number(0) * 2 + b"\x00" + number(0) * 3
    query = (
        text("id") + client + text("max_threads") + number(1) + text("1") + text("") + text("") + number(2) + number(0) + text("SELECT 1")
    )
    kinds = ("String", "Array(Tuple(a Nullable(UInt8), b LowCardinality(String)))", "Map(String, Decimal(9, 2))", "FixedString(3)")
    column = number(1) + number(1) + text("a") + text("Array(String)") + b"\x00" + (1).to_bytes(8, "little") + text("word")
    seeds = [b"\x00" + hello, b"\x01" + query + text(""), b"\x02" + frames.compress(b"some words, some words"), b"\x03" + column]
    return read, [*seeds, *(b"\x04" + kind.encode() for kind in kinds)]


def sql() -> Seeded:
    """Statements, as `hydrometer local` looks at them before the engine does."""
    statements = load("streams.devserver.sql")

    def read(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        statements.without_format(text)
        statements.unquote(text)
        try:
            statements.check(text)
            statements.insert(text)
            statements.inline_data(data)
        except statements.RefusedError:
            return

    seeds = (
        b"INSERT INTO t (a, `b`) FORMAT JSONEachRow {}",
        b"SELECT 'it''s' /* ; */ FROM t FORMAT Native;",
        b"INSERT INTO FUNCTION f('x') VALUES",
    )
    return read, list(seeds)


def bodies() -> Seeded:
    """Bodies of HTTP requests to `hydrometer local`: counted, in chunks, packed, in frames. The first byte chooses."""
    body, wire, message, io = load("streams.devserver.body"), load("streams.devserver.wire"), load("email.message"), load("io")
    frames = load("streams.devserver.frames")

    def read(data: bytes) -> None:
        way = data[0] if data else 0
        headers = message.Message()
        if way & 1:
            headers["Transfer-Encoding"] = "chunked"
        else:
            headers["Content-Length"] = str(len(data) - 1)
        headers["Content-Encoding"] = ("identity", "gzip", "deflate", "lz4")[way >> 1 & 3]
        try:
            body.whole(body.pieces(io.BufferedReader(io.BytesIO(data[1:])), headers, framed=bool(way & 8)), 1 << 20)
        except wire.ProtocolError:
            return

    packed = gzip.compress(b"some words", mtime=0)
    return read, [b"\x00plain", b"\x01a\r\nsome words\r\n0\r\n\r\n", b"\x02" + packed, b"\x08" + frames.compress(b"some words")]


def memory() -> Path:
    """Return a folder that is in memory."""
    folder = Path("/dev/shm" if Path("/dev/shm").is_dir() else "build/fuzz") / f"hydrometer-fuzz-{os.getpid()}"  # noqa: S108 (ours alone)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def answers() -> Seeded:
    """Files of a suspect's answers. The first byte chooses their kind."""
    reading, errors, folder = load("streams.forensics.answers"), load("streams.forensics.errors"), memory()
    paths = [folder / f"suspect{suffix}" for suffix in (".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".parquet")]
    readers = (reading.read_answers, reading.read_prompts, reading.read_options)

    def read(data: bytes) -> None:
        path = paths[data[0] % len(paths) if data else 0]
        path.write_bytes(data[1:])
        for reader in readers:
            try:
                reader(path)
            except errors.AnswersError:
                continue

    arrow, parquet, io = load("pyarrow"), load("pyarrow.parquet"), load("io")
    table, written = arrow.table({"item": ["1", "2"], "output": ["one", "two"], "answer": ["A", "B"], "options": ["4", "4"]}), io.BytesIO()
    parquet.write_table(table, written, compression="NONE")
    rows = b'{"item": 7, "output": "seven"}\n{"item": "8", "answer": "B", "options": 4, "one": "A"}\n'
    listed = b"item,answer,options,one\n1,A,4,B\n"
    packed = [gzip.compress(part, mtime=0) for part in (rows, listed)]
    return read, [b"\x00" + rows, b"\x01" + packed[0], b"\x02" + listed, b"\x03" + packed[1], b"\x04" + written.getvalue()]


def files() -> Seeded:
    """Files that people write: the policy, permitted parties, tokens, a canary's policy, a mapping. The first byte chooses."""
    policy, callers, canary, errors = (
        load(f"streams.{name}") for name in ("cases.policy", "intake.callers", "forensics.canary", "core.errors")
    )
    path, mapping = memory() / "file.toml", load("streams.intake.formats.mapping")
    readers = (
        lambda: policy.Policy.load(None, path),
        lambda: policy.Policy.load(path),
        lambda: callers.read_tokens(path),
        lambda: canary.read_policy(path),
        lambda: mapping.mapping(str(path)),
    )

    def read(data: bytes) -> None:
        path.write_bytes(data[1:])
        try:
            readers[data[0] % len(readers) if data else 0]()
        except errors.HydrometerError:
            return

    rules = policy.DEFAULT.read_bytes()
    party = b'[[party]]\naccount = "a"\nowner = "o"\nreason = "r"\nexpires = 2027-01-01\n'
    fields = b'[fields]\n"timestamp" = ["began", "at"]\n[fields."event.id"]\nat = "id"\nunit = "milliseconds"\n'
    gateway = b'title = "ours"\n' + fields + b'[keep]\nkind = ["chat"]\n'
    wording = canary.CanaryPolicy("case-1", 1, "somebody", "2026-01-01", ("key",), (("for instance,", "for example,"),))
    return read, [b"\x00" + rules, b"\x01" + party, b"\x02first " + b"t" * 20 + b"\n", b"\x03" + wording.json(), b"\x04" + gateway]


TARGETS: Final[dict[str, tuple[Callable[[], Seeded], int]]] = {
    "lines": (lines, 500_000),
    "shipments": (shipments, 1_500_000),
    "protobuf": (protobuf, 1_000_000),
    "deliveries": (deliveries, 100_000),
    "texts": (texts, 800_000),
    "blocks": (blocks, 1_000_000),
    "stages": (stages, 100_000),
    "chunks": (chunks, 1_000_000),
    "records": (records, 1_000_000),
    "native": (native, 1_500_000),
    "sql": (sql, 500_000),
    "bodies": (bodies, 500_000),
    "answers": (answers, 200_000),
    "files": (files, 300_000),
}
"""Each target by name, and how many inputs of `make fuzz ALL=1` it reads: 10 million together."""
