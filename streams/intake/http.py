"""Events over HTTP: JSON lines or an array, OTLP/HTTP in JSON or protobuf, deliveries of Amazon Data Firehose.

`POST /v1/events`, `/v1/logs` and `/v1/traces`, `/v1/firehose`. All may be gzip. A refusal is written as its path's senders read it: a
`google.rpc.Status` for OTLP, Firehose's own answer, text elsewhere.

An answer of 200 means that the broker has the events on all in-sync replicas. Until then the caller keeps its batch: 429 (too fast) and
503 (the broker is unavailable or behind, or too many bodies are open) name in `Retry-After` when to send it again. Repeating a batch is
harmless: events that had arrived are counted as `duplicate`. The answer counts refused lines by reason, with an example of each kind
(position, field, shape without text); repeating them is useless. When no event of a body was accepted the answer is 400.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, cast

import orjson
from aiohttp import web

from streams.core.errors import FuseBlownError
from streams.core.loopback import is_loopback
from streams.core.settings import Settings, variable_of
from streams.intake import bodies, firehose, otlp_wire
from streams.intake.block_producer import PAUSE_SECONDS, BlockProducer, report_paused
from streams.intake.callers import DEFAULT_SOURCE, Caller, Callers
from streams.intake.certificate import certificate
from streams.intake.collector import Collector, Ingested, Line
from streams.intake.connections import Connections
from streams.intake.fair_thread import FairThread
from streams.intake.formats.registry import AUTO, export_reader
from streams.intake.forwarded import trusted
from streams.intake.group_commit import GroupCommit
from streams.intake.rate_limits import Shares
from streams.intake.refusals import MAX_SHAPE_CHARACTERS, NO_FAULT, Kind, kinds
from streams.schema import lenient_json
from streams.schema.dead_letters import DeadLetter
from streams.schema.event import Event
from streams.telemetry.metrics import METRICS, Metric
from streams.telemetry.prometheus import written

CALLER_WAIT_SECONDS: Final = 10.0
"""How long a caller waits for the broker before it gets 503."""
KEEPALIVE_SECONDS: Final = 30.0
CHARGED_BYTES: Final = 1024
"""Bytes of a body that count as one event of its source's rate, when its events are fewer."""
MAX_JSON_MARKS: Final = 2_000_000
"""Brackets, colons and commas of one JSON body, outside its strings: a value takes up to 30 times its text, and there are at most as
many values."""

_MEDIA_TYPES: Final = frozenset(
    ("application/json", "application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-seq", "text/plain")
) | {"application/octet-stream", bodies.FORM}  # the last is curl's default
_CALLER: Final = web.RequestKey("caller", Caller)
_OBJECTS: Final = re.compile(rb"\s*\[\s*\{")
"""How an array of objects begins."""
_log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Limits:
    """Limits of one caller, and of all together."""

    body_bytes: int = 16 * 1024 * 1024
    """Of one request, decompressed."""
    open_bytes: int = 64 * 1024 * 1024
    """Of all bodies that are being read or wait for the broker, decompressed. A source may use half of what others leave of it."""
    body_events: int = 50_000
    body_seconds: float = 30.0
    """Time for a body to arrive."""
    events_per_second: float = 50_000.0
    burst_events: float = 200_000.0


class Intake:
    """The HTTP server of `collect`: its routes and their shared state."""

    def __init__(
        self,
        settings: Settings,
        log_format: str = AUTO,
        limits: Limits | None = None,
        known_corpus: Path | None = None,
        *,
        backfill: bool = False,
    ) -> None:
        """Prepare the server. It reads the tokens, and the keys that `Collector` reads. backfill: old events are accepted."""
        self._limits = limits or Limits()
        self._callers = Callers(settings, self._limits.events_per_second, self._limits.burst_events)
        producer = BlockProducer(settings, DEFAULT_SOURCE, timeout=CALLER_WAIT_SECONDS)
        collector = Collector(settings, log_format, known_corpus, backfill=backfill)
        self._exported = export_reader(log_format, lambda entry: trusted(entry, settings.trusted_hops))
        self.groups = GroupCommit(collector, producer, settings.block_seconds)
        self.connections = Connections()
        self._open_bytes = Shares(self._limits.open_bytes)
        self.parser = FairThread("bodies")

    def app(self) -> web.Application:
        """Return the application: `/v1/events`, `/v1/logs`, `/v1/traces`, `/v1/firehose`, `/healthz`, `/metrics`."""
        app = web.Application(client_max_size=self._limits.body_bytes, middlewares=[_counted, _refused_in_kind, self._guarded])
        app.router.add_post("/v1/events", self._events)
        for path in otlp_wire.SIGNALS:
            app.router.add_post(path, self._otlp)
        app.router.add_post(firehose.FIREHOSE_PATH, self._firehose)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/metrics", _metrics)
        app.on_response_prepare.append(_parted)
        app.on_cleanup.append(self._close)
        return app

    async def _events(self, request: web.Request) -> web.Response:
        async with self._received(request) as body:
            ingested = await self._accept(request[_CALLER], partial(_lines, most=self._limits.body_events), body)
        answer: dict[str, object] = {"accepted": ingested.accepted, "rejected": dict(ingested.rejected)}
        if ingested.dead:
            answer["examples"] = [_example(kind) for kind in kinds(ingested.dead)]
        return web.json_response(answer, status=400 if _nothing_accepted(ingested) else 200)

    async def _otlp(self, request: web.Request) -> web.Response:
        signal, encoding = otlp_wire.SIGNALS[request.path], _encoding(request)
        async with self._received(request) as body:
            ingested = await self._accept(request[_CALLER], partial(self._shipped, signal, encoding), body)
        reasons = _reasons(ingested)
        return web.Response(body=otlp_wire.answered(signal, encoding, sum(_refused(ingested).values()), reasons), content_type=encoding)

    async def _firehose(self, request: web.Request) -> web.Response:
        async with self._received(request) as body:
            _reasons(await self._accept(request[_CALLER], self._delivered, body))
        return web.Response(body=firehose.answer(request.headers.get(firehose.REQUEST_ID, "")), content_type=otlp_wire.JSON)

    def _delivered(self, body: bytes) -> list[bytes]:
        """Return the lines in the records of a delivery of Firehose."""
        try:
            records = firehose.records(_parsed(body), self._limits.body_bytes)
        except firehose.TooLargeError as error:
            raise web.HTTPRequestEntityTooLarge(self._limits.body_bytes, self._limits.body_bytes + 1) from error
        if records is None:
            raise web.HTTPBadRequest(text='the body must be a delivery of Amazon Data Firehose: {"records": [{"data": BASE64}]}')
        lines: list[bytes] = []
        for record in records:
            lines += _lines(record, self._limits.body_events)
            if len(lines) > self._limits.body_events:
                raise _too_many(self._limits.body_events)
        return lines

    def _shipped(self, signal: otlp_wire.Signal, encoding: str, body: bytes) -> list[Event]:
        """Return the events of an OTLP body, unless there are more than one may hold. What they have in common they share."""
        if encoding == otlp_wire.JSON:
            export = _parsed(body)
        else:
            within = otlp_wire.is_within(body, self._limits.body_events)
            if within is False:
                raise _too_many(self._limits.body_events)
            export = signal.read(body) if within else None
        if not isinstance(export, dict):
            raise web.HTTPBadRequest(text=f"the body must be an OTLP export request in {encoding}")
        events = list(islice(self._exported(export), self._limits.body_events + 1))
        if len(events) > self._limits.body_events:
            raise _too_many(self._limits.body_events)
        return events

    def _check(self, caller: Caller) -> None:
        """Refuse, before any work on a body, what would be refused after it: what a source that is paused or in debt sends."""
        now = time.monotonic()
        if caller.fuse.blown:
            caller.paused_until = caller.paused_until or now + PAUSE_SECONDS
            if now < caller.paused_until:
                try:
                    caller.fuse.check()
                except FuseBlownError as error:
                    raise _paused(error) from error
            caller.paused_until = 0.0
            caller.fuse.reset()
            report_paused(caller.source, paused=False)
        if wait := caller.bucket.wait(now):
            raise _too_fast(wait)

    async def _accept(self, caller: Caller, read: Callable[[bytes], Sequence[Line]], body: bytes) -> Ingested:
        """Read the lines of a body, ingest them, and return once the broker has them.

        The body is charged before it is read, by its bytes, and after it by its lines if these are more: a refusal is not free.

        They are read beside the event loop, one body at a time, of each source in turn: what a body becomes may be thirty times as large.
        Raises 413, or 429 and 503 when the caller must send them again.
        """
        async with self.parser.turn(caller.source) as run:
            self._check(caller)
            charged = len(body) / CHARGED_BYTES
            caller.bucket.spend(charged, time.monotonic())
            lines = await run(partial(read, body))
            caller.bucket.spend(max(0.0, len(lines) - charged), time.monotonic())
        failures = self.groups.failures
        try:
            ingested = await self.groups.add(lines, time.time(), caller)
            if blown := caller.fuse.blown:
                caller.paused_until = time.monotonic() + PAUSE_SECONDS
                report_paused(caller.source, paused=True)
                _log.error("%s is paused", caller.source)
            arrived = await self.groups.delivered() and self.groups.failures == failures
            if blown:
                caller.fuse.check()  # the lines after it were ignored
        except FuseBlownError as error:
            raise _paused(error) from error
        if not arrived:
            raise _unavailable("the broker does not answer: send the same again")
        return ingested

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Reject unauthenticated requests, and all while the broker is behind, before the body is read; then hold its bytes."""
        self.connections.begun(request)
        if not request.path.startswith("/v1/"):
            return await handler(request)
        caller = self._callers.of(_authorization(request), time.monotonic())
        if caller is None:
            raise web.HTTPUnauthorized(
                headers={"WWW-Authenticate": "Bearer"},
                text="send `Authorization: Bearer <HYDROMETER_INTAKE_TOKEN>`, from Firehose the token as access key",
            )
        if self.groups.busy:
            raise _unavailable("the broker is behind: send the same again")
        bodies.check(
            request, _MEDIA_TYPES | {otlp_wire.PROTOBUF} if request.path in otlp_wire.SIGNALS else _MEDIA_TYPES, packings=bodies.PACKED
        )
        self._check(caller)
        with self.connections.serving(request, caller.source) as within_share:
            if not within_share:
                raise _unavailable("too many requests at once: send the same again")
            request[_CALLER] = caller
            return await handler(request)

    @asynccontextmanager
    async def _received(self, request: web.Request) -> AsyncIterator[bytes]:
        """Yield the decompressed body, within the limits; its bytes count as open until the context ends."""
        parts: list[bytes] = []
        held = 0
        source = request[_CALLER].source
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                async for part in bodies.unpacked(request):
                    if held + len(part) > self._limits.body_bytes:
                        raise web.HTTPRequestEntityTooLarge(self._limits.body_bytes, self._limits.body_bytes + 1)
                    if not self._open_bytes.try_reserve(source, len(part)):
                        raise _unavailable("too many bodies at once: send the same again")
                    held += len(part)
                    parts.append(part)
            yield b"".join(parts)
        except TimeoutError:
            raise web.HTTPRequestTimeout(text=f"the body did not arrive within {self._limits.body_seconds:.0f} s") from None
        except (web.RequestPayloadError, bodies.NotUnpackedError) as error:
            raise web.HTTPBadRequest(text="the body does not match its Content-Encoding, or was cut short") from error
        finally:
            self._open_bytes.give_back(source, held)

    async def _health(self, _request: web.Request) -> web.Response:
        good = not self.groups.busy
        return web.json_response({"ready": good}, status=200 if good else 503)

    async def _close(self, _app: web.Application) -> None:
        await self.groups.close()
        self.parser.close()


async def serve(
    settings: Settings,
    host: str,
    port: int,
    log_format: str = AUTO,
    limits: Limits | None = None,
    known_corpus: Path | None = None,
    *,
    backfill: bool = False,
) -> None:
    """Serve until cancelled, with TLS when the settings name a certificate. A blown fuse pauses its source, which gets 503 for a minute.

    backfill: old events are accepted.

    Raises SettingsError for a certificate that cannot be used, OSError for an address that is not available.
    """
    report_paused(DEFAULT_SOURCE, paused=False)
    tls = certificate(settings)
    intake = Intake(settings, log_format, limits, known_corpus, backfill=backfill)
    runner = web.AppRunner(intake.app(), keepalive_timeout=KEEPALIVE_SECONDS, **bodies.SERVER)
    await runner.setup()
    server = cast("web.Server", runner.server)  # set up
    try:
        listener = await intake.connections.listen(server, host, port, tls.context if tls else None)
        # port 0 means any free port: the log names it
        _log.info("listening on %s://%s:%d", "https" if tls else "http", *listener.sockets[0].getsockname()[:2])
        if tls is None and not is_loopback(host):
            _log.warning("tokens and prompts arrive in plain text: set %s, or let a proxy speak TLS", variable_of("intake_certificate"))
        async with listener:
            await (tls.keep() if tls else asyncio.Event().wait())  # until cancelled
    finally:
        await runner.cleanup()


def _authorization(request: web.Request) -> str:
    """Return what a caller shows: Firehose sends its token in a header of its own."""
    if request.path == firehose.FIREHOSE_PATH:
        return f"Bearer {request.headers.get(firehose.ACCESS_KEY, '')}"
    return request.headers.get("Authorization", "")


def _reasons(ingested: Ingested) -> str:
    """Return why lines of a body were refused. Raises 400 where all of them were."""
    reasons = ", ".join(f"{kind.first.reason}: {kind.lines} ({kind.first.detail})" for kind in kinds(ingested.dead))
    if _refused(ingested) and _nothing_accepted(ingested):
        raise web.HTTPBadRequest(text=reasons)
    return reasons


def _example(kind: Kind[DeadLetter]) -> dict[str, object]:
    """Return one kind of refusal for the caller: how many, and of the first its position in the body, why, and its shape without text."""
    first = kind.first
    shape = first.line[:MAX_SHAPE_CHARACTERS].decode("utf-8", "replace")
    return {"count": kind.lines, "position": first.position, "reason": first.reason, "detail": first.detail, "shape": shape}


def _encoding(request: web.Request) -> str:
    """Return the encoding of an OTLP body, in which its answer is written: JSON unless it says protobuf."""
    return otlp_wire.PROTOBUF if request.content_type.lower() == otlp_wire.PROTOBUF else otlp_wire.JSON


def _lines(body: bytes, most: int) -> list[bytes]:
    """Return at most `most` events of a body: its lines, or the items of an array. Raises 413 when there are more."""
    if body.lstrip()[:1] == b"[" and (items := _items(body, most)) is not None:
        lines = items
    elif body.count(b"\n") > 2 * most:  # half of them may be empty
        raise _too_many(most)
    else:
        lines = [line for line in body.split(b"\n") if line and not line.isspace()]
    if len(lines) > most:
        raise _too_many(most)
    return lines


def _items(body: bytes, most: int) -> list[bytes] | None:
    """Return the items of an array, or None when the body is not one. An array of objects may be lenient JSON: it is cut, not read.

    Raises 413 when such an array has more than `most` items.
    """
    _check_marks(body)
    try:
        items = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _cut(body, most) if _OBJECTS.match(body) else None
    return [_dumped(item) for item in items] if isinstance(items, list) else None


def _cut(body: bytes, most: int) -> list[bytes]:
    items = lenient_json.items(body, most)
    if items is None:
        raise _too_many(most)
    return items


def _too_many(most: int) -> web.HTTPRequestEntityTooLarge:
    return web.HTTPRequestEntityTooLarge(most, most + 1, text=f"at most {most} events per request: split the batch")


def _check_marks(body: bytes) -> None:
    """Raise 413 for a JSON body of more values than events have. What is in a string is no value, whoever wrote it."""
    if sum(map(body.count, lenient_json.VALUES)) > MAX_JSON_MARKS and lenient_json.values(body) > MAX_JSON_MARKS:
        raise web.HTTPRequestEntityTooLarge(MAX_JSON_MARKS, MAX_JSON_MARKS + 1, text="too many values in one JSON body: split the batch")


def _parsed(body: bytes) -> Any:
    """Return the value of a JSON body, also of lenient JSON; None when it is not JSON. Raises 413 for more values than events have."""
    _check_marks(body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return lenient_json.loads(body)
    except (ValueError, RecursionError):
        return None


def _dumped(event: Any) -> bytes:
    """Return an event as JSON, in as many bytes: what orjson returns holds four kilobytes while it lives."""
    try:
        return bytes(memoryview(orjson.dumps(event)))
    except orjson.JSONEncodeError:  # an integer of more than 64 bits
        return json.dumps(event).encode()


def _nothing_accepted(ingested: Ingested) -> bool:
    """Return whether no event of a body was accepted, now or before. One of lines that are no requests alone is accepted."""
    asks_none = ingested.rejected["no_request"] and not _refused(ingested)
    return not (ingested.accepted or ingested.rejected["duplicate"] or asks_none)


def _refused(ingested: Ingested) -> dict[str, int]:
    """Return how many lines of a body were refused, by reason."""
    return {reason: lines for reason, lines in ingested.rejected.items() if reason not in NO_FAULT}


def _unavailable(why: str, seconds: int = 1) -> web.HTTPServiceUnavailable:
    return web.HTTPServiceUnavailable(headers={"Retry-After": str(seconds)}, text=why)


def _paused(error: FuseBlownError) -> web.HTTPServiceUnavailable:
    return _unavailable(str(error), seconds=int(PAUSE_SECONDS))


def _too_fast(wait_seconds: int) -> web.HTTPTooManyRequests:
    return web.HTTPTooManyRequests(headers={"Retry-After": str(wait_seconds)}, text="too many events per second: send the same again later")


async def _parted(request: web.Request, response: web.StreamResponse) -> None:
    """Close the connection of a request without a valid token after its answer: strangers keep no place."""
    if _CALLER not in request:
        response.force_close()
        response.headers["Connection"] = "close"


@web.middleware
async def _counted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count answers by path and status."""
    status = 500
    try:
        response = await handler(request)
        status = response.status
    except web.HTTPException as answer:
        status = answer.status
        raise
    finally:
        path = request.match_info.route.resource.canonical if request.match_info.route.resource else "other"
        METRICS.add(Metric.INTAKE_ANSWERS, path=path, status=status)
    return response


@web.middleware
async def _refused_in_kind(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Write the refusals of OTLP and Firehose as their senders read them; an SDK logs nothing of an answer but the reason of its status."""
    try:
        return await handler(request)
    except web.HTTPException as refusal:
        if request.path in otlp_wire.SIGNALS:
            encoding = _encoding(request)
            message = refusal.text or refusal.reason
            refusal.body = otlp_wire.failed(encoding, refusal.status, message)
            refusal.set_status(refusal.status, reason=message.partition("\n")[0])
            refusal.content_type = encoding
        elif request.path == firehose.FIREHOSE_PATH:
            refusal.body = firehose.answer(request.headers.get(firehose.REQUEST_ID, ""), refusal.text or refusal.reason)
            refusal.content_type = otlp_wire.JSON
        raise


async def _metrics(request: web.Request) -> web.Response:
    text, kind = written(request.headers.get("Accept", ""))
    return web.Response(body=text, headers={"Content-Type": kind})
