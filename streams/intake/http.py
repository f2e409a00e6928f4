"""Events over HTTP: `POST /v1/events` (JSON lines) and `POST /v1/logs` (OTLP/HTTP JSON), both optionally gzip.

An answer of 200 means: the broker has it, on all in-sync replicas. Until then nothing is promised, and the caller keeps its batch:
429 (too fast) and 503 (the broker is away or behind) say in `Retry-After` when to send it again. Repeating a batch does no harm: events
that had arrived are counted as `duplicate`. Lines that are refused are counted by reason in the answer, and are not worth repeating.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
from aiohttp import web

from streams.core.errors import FuseBlownError
from streams.core.settings import Settings
from streams.intake.block_producer import PAUSE_SECONDS, Shipper, report_paused
from streams.intake.collector import Collector, Step
from streams.intake.formats import otlp
from streams.intake.formats.registry import AUTO
from streams.intake.group_commit import Groups
from streams.intake.rate_limits import Bucket
from streams.telemetry.metrics import METRICS, Metric
from streams.telemetry.prometheus import written

DELIVERY_SECONDS: Final = 10.0
"""How long a caller waits for the broker before it is told to come back."""

_SOURCE: Final = "http"
_log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Limits:
    """What one caller may send."""

    body_bytes: int = 16 * 1024 * 1024
    """Of one request, unpacked."""
    events_per_second: float = 50_000.0
    burst_events: float = 200_000.0


class Intake:
    """The HTTP server of `collect`: its routes, and what they share."""

    def __init__(
        self,
        settings: Settings,
        log_format: str = AUTO,
        limits: Limits | None = None,
        known_corpus: Path | None = None,
        *,
        backfill: bool = False,
    ) -> None:
        """Prepare the server. It reads `intake_token`, and the keys that `Collector` reads."""
        self._limits = limits or Limits()
        self._bucket = Bucket(self._limits.events_per_second, self._limits.burst_events)
        self._token = f"Bearer {settings.intake_token.get_secret_value()}".encode()
        shipper = Shipper(settings, _SOURCE, timeout=DELIVERY_SECONDS)
        self.groups = Groups(Collector(settings, log_format, known_corpus, backfill=backfill), shipper, settings.block_seconds, _SOURCE)
        self._paused_until = 0.0

    def app(self) -> web.Application:
        """Return the application: `/v1/events`, `/v1/logs`, `/healthz`, `/metrics`."""
        app = web.Application(client_max_size=self._limits.body_bytes, middlewares=[_counted, self._guarded])
        app.router.add_post("/v1/events", self._events)
        app.router.add_post("/v1/logs", self._logs)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/metrics", _metrics)
        app.on_cleanup.append(self._close)
        return app

    async def _events(self, request: web.Request) -> web.Response:
        step = await self._take((await _body(request)).split(b"\n"))
        return web.json_response({"accepted": step.accepted, "rejected": dict(step.rejected)})

    async def _logs(self, request: web.Request) -> web.Response:
        try:
            body = orjson.loads(await _body(request))
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            raise web.HTTPBadRequest(text="the body must be an OTLP/HTTP JSON export request")
        step = await self._take([orjson.dumps(event) for event in otlp.records(body)])
        refused = {reason: lines for reason, lines in step.rejected.items() if reason != "duplicate"}
        if not refused:
            return web.json_response({})
        told = ", ".join(f"{reason}: {lines}" for reason, lines in sorted(refused.items()))
        return web.json_response({"partialSuccess": {"rejectedLogRecords": str(sum(refused.values())), "errorMessage": told}})

    async def _take(self, lines: Sequence[bytes]) -> Step:
        """Take lines, and return once the broker has them. Raises 429 or 503 when the caller must keep them."""
        if wait := self._bucket.wait(len(lines), time.monotonic()):
            raise web.HTTPTooManyRequests(headers={"Retry-After": str(wait)}, text="too many events a second")
        fuse = self.groups.collector.fuse
        if fuse.blown and time.monotonic() >= self._paused_until:
            fuse.reset()
            report_paused(_SOURCE, paused=False)
        try:
            step = self.groups.add(lines, time.time())
            blown = fuse.blown
            if blown:
                self._paused_until = time.monotonic() + PAUSE_SECONDS
                report_paused(_SOURCE, paused=True)
                _log.error("%s is paused", _SOURCE)
            arrived = await self.groups.delivered()
            if blown:
                fuse.check()  # the rest of this body was not read
        except FuseBlownError as error:
            raise _later(str(error), seconds=int(PAUSE_SECONDS)) from error
        if not arrived:
            raise _later("the broker does not answer: send the same again")
        return step

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Turn away who has no token, and everybody while the broker is behind; before the body is read."""
        if not request.path.startswith("/v1/"):
            return await handler(request)
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self._token):
            raise web.HTTPUnauthorized(
                headers={"WWW-Authenticate": "Bearer"}, text="send `Authorization: Bearer <HYDROMETER_INTAKE_TOKEN>`"
            )
        if self.groups.busy:
            raise _later("the broker is behind: send the same again")
        return await handler(request)

    async def _health(self, _request: web.Request) -> web.Response:
        good = not self.groups.busy
        return web.json_response({"ready": good}, status=200 if good else 503)

    async def _close(self, _app: web.Application) -> None:
        await self.groups.close()


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
    """Serve until cancelled. A blown fuse pauses it: callers are told to come back in a minute."""
    report_paused(_SOURCE, paused=False)
    intake = Intake(settings, log_format, limits, known_corpus, backfill=backfill)
    runner = web.AppRunner(intake.app(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        _log.info("listening on http://%s:%d", *runner.addresses[0][:2])  # port 0 is any free one: nobody knows it before
        await asyncio.Event().wait()  # until cancelled
    finally:
        await runner.cleanup()


async def _body(request: web.Request) -> bytes:
    """Return the body, unpacked; 400 when it cannot be unpacked."""
    try:
        return await request.read()
    except web.RequestPayloadError as error:
        raise web.HTTPBadRequest(text="the body is not what its Content-Encoding says, or was cut short") from error


def _later(why: str, seconds: int = 1) -> web.HTTPServiceUnavailable:
    return web.HTTPServiceUnavailable(headers={"Retry-After": str(seconds)}, text=why)


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


async def _metrics(request: web.Request) -> web.Response:
    text, kind = written(request.headers.get("Accept", ""))
    return web.Response(body=text, headers={"Content-Type": kind})
