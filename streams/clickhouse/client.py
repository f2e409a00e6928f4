"""The ClickHouse client: columnar inserts with a deduplication token, and small queries, over the native protocol (lz4).

ClickHouse's answer decides what happens next:

* It is unavailable, overloaded, or misconfigured (no table, no right, wrong password): `StoreUnavailableError`. The caller waits and tries
  again (`retrying`), and nothing is dropped. Every code that is not listed below counts as this: keeping data is the safe mistake.
* It refuses these rows (`REFUSALS`): `RefusedRowsError`. Trying again cannot help; the caller sets the rows aside.

Our errors never repeat ClickHouse's message, because it quotes values.
"""

from __future__ import annotations

import logging
import random
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final, TypeVar

import numpy as np
from clickhouse_driver import Client, errors
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential

from streams.core import tls
from streams.core.errors import HydrometerError, StoreUnavailableError
from streams.core.queries import Parameters
from streams.core.settings import Settings

Columns = Mapping[str, Sequence[Any] | np.ndarray[Any, Any]]
T = TypeVar("T")

REFUSALS: Final = frozenset(
    {
        errors.ErrorCodes.CANNOT_PARSE_TEXT,
        errors.ErrorCodes.SIZES_OF_COLUMNS_DOESNT_MATCH,
        errors.ErrorCodes.CANNOT_PARSE_QUOTED_STRING,
        errors.ErrorCodes.CANNOT_PARSE_INPUT_ASSERTION_FAILED,
        errors.ErrorCodes.CANNOT_PARSE_DATE,
        errors.ErrorCodes.CANNOT_PARSE_DATETIME,
        errors.ErrorCodes.TYPE_MISMATCH,
        errors.ErrorCodes.ARGUMENT_OUT_OF_BOUND,
        errors.ErrorCodes.CANNOT_CONVERT_TYPE,
        errors.ErrorCodes.CANNOT_PARSE_NUMBER,
        errors.ErrorCodes.INCORRECT_DATA,
        errors.ErrorCodes.TOO_LARGE_ARRAY_SIZE,
        errors.ErrorCodes.TOO_LARGE_STRING_SIZE,
        errors.ErrorCodes.VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE,
        errors.ErrorCodes.CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN,
        469,  # VIOLATED_CONSTRAINT, which this driver does not name
    }
)
"""ClickHouse's codes for rows that it will never accept."""

_MISSING: Final = frozenset(
    {
        errors.ErrorCodes.UNKNOWN_TABLE,
        errors.ErrorCodes.UNKNOWN_DATABASE,
        errors.ErrorCodes.NO_SUCH_COLUMN_IN_TABLE,
        errors.ErrorCodes.UNKNOWN_IDENTIFIER,  # of a column that a later migration adds
    }
)
_DENIED: Final = frozenset({errors.ErrorCodes.WRONG_PASSWORD, errors.ErrorCodes.UNKNOWN_USER, 497, 516})  # and by their newer names

_INSERT: Final = {
    "async_insert": 0,  # 26.9 turns it on by default, and deduplication would no longer be by block
    "insert_deduplicate": 1,
    "deduplicate_insert": "enable",  # supersedes `insert_deduplicate` in 26.9
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "optimize_on_insert": 0,  # merging a batch with itself halves the speed of scores; the background merges do it anyway
    "max_insert_threads": 1,  # several threads would cut a batch into blocks of changing size, each with a token of its own
    "max_partitions_per_insert_block": 0,  # a backlog may span many days; the error has the code of an overload
}
_CONNECT_SECONDS, _PING_SECONDS = 5, 5
_INSERT_SECONDS, _QUERY_SECONDS = 60, 10
"""A batch may wait for merges; a person who opens a case does not wait for a hanging server."""
_STREAM_SECONDS: Final = 600

_log = logging.getLogger(__name__)


class RefusedRowsError(HydrometerError):
    """ClickHouse will never accept these rows. They are set aside and counted; the stream goes on."""

    def __init__(self, table: str, code: int) -> None:
        """Keep the code and its name, never the server's message: it quotes values."""
        super().__init__(f"ClickHouse refuses rows for {table} with code {code} ({_named(code)}): they are set aside")
        self.code = code


class _Anchor:
    """Ends with its thread: what hangs on it is closed then."""


class _OfThread(threading.local):
    """What a thread has of its own: its connections, and what they hang on."""

    def __init__(self) -> None:
        self.anchor = _Anchor()
        self.clients: dict[bool, Client] = {}


class _Whole:
    """A connection for whole tables: a block of rows at a time, texts as bytes."""

    def __init__(self, settings: Settings) -> None:
        self.client = connect(settings, as_bytes=True, answer_seconds=_STREAM_SECONDS)

    def close(self) -> None:
        self.client.disconnect()


class ClickHouse:
    """A client for any number of threads: each gets its own connections, because the driver's cannot be shared.

    Connections are opened at first use, and again after an error; they are closed when their thread ends.
    """

    def __init__(self, settings: Settings) -> None:
        """Keep the settings; the first use connects."""
        self._settings = settings
        self._local = _OfThread()
        self._closings: list[weakref.finalize[[], _Anchor]] = []
        self._lock = threading.Lock()

    def insert(self, table: str, columns: Columns, token: str) -> None:
        """Insert columns of one length into a table, as one block.

        `table` and the names of `columns` must not come from input. A second insert with the same `token` changes nothing, neither
        here nor in the views that read the table, as long as the table remembers the token (its `non_replicated_deduplication_window`).

        Raises StoreUnavailableError (try again with the same token) or RefusedRowsError (do not try again).
        """
        names = ", ".join(columns)
        data = [_array(values) for values in columns.values()]
        with self._translating_errors(table):
            self._client(numpy=True).execute(
                f"INSERT INTO {table} ({names}) VALUES", data, columnar=True, settings={**_INSERT, "insert_deduplication_token": token}
            )

    def query(self, sql: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows. Values are passed as `%(name)s` and `parameters`, never in the text.

        Raises StoreUnavailableError.
        """
        with self._translating_errors("a query"):
            answer = self._client(numpy=False).execute(sql, dict(parameters) if parameters else None)
        return list(answer) if isinstance(answer, list) else []

    def named(self, sql: str, parameters: Parameters | None = None) -> list[dict[str, object]]:
        """Run one query and return its rows as dictionaries by column name. Otherwise as `query`."""
        with self._translating_errors("a query"):
            rows, columns = self._client(numpy=False).execute(sql, dict(parameters) if parameters else None, with_column_types=True)
        return [dict(zip((name for name, _ in columns), row, strict=True)) for row in rows]

    def stream(self, sql: str, parameters: Parameters | None = None) -> Iterator[tuple[Any, ...]]:
        """Run one query over a connection of its own, and yield its rows as they come; texts are bytes, exactly as they are stored.

        Raises StoreUnavailableError.
        """
        with self._translating_errors("a query"), closing(_Whole(self._settings)) as whole:
            yield from whole.client.execute_iter(sql, dict(parameters) if parameters else None)

    def insert_rows(self, table: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows as `stream` yields them, as one block. `table` and `names` must not come from input.

        Raises StoreUnavailableError or RefusedRowsError.
        """
        listed = ", ".join(f"`{name}`" for name in names)
        with self._translating_errors(table), closing(_Whole(self._settings)) as whole:
            whole.client.execute(f"INSERT INTO `{table}` ({listed}) VALUES", rows, settings=_INSERT)

    def close(self) -> None:
        """Close the connections of every thread."""
        with self._lock:
            closings, self._closings = self._closings, []
            self._local = _OfThread()
        for close in closings:
            close()

    def _client(self, *, numpy: bool) -> Client:
        client = self._local.clients.get(numpy)
        if client is None:
            client = connect(self._settings, numpy=numpy, answer_seconds=_INSERT_SECONDS if numpy else _QUERY_SECONDS)
            self._local.clients[numpy] = client
            closing_with_thread = weakref.finalize(self._local.anchor, client.disconnect)
            with self._lock:
                self._closings = [*(close for close in self._closings if close.alive), closing_with_thread]
        return client

    @contextmanager
    def _translating_errors(self, about: str) -> Iterator[None]:
        try:
            yield
        except (errors.Error, EOFError, OSError) as error:
            raise self._as_our_error(error, about) from None  # the cause quotes values

    def _as_our_error(self, error: Exception, about: str) -> HydrometerError:
        code = int(getattr(error, "code", None) or 0)
        where = f"ClickHouse at {self._settings.clickhouse_host}:{self._settings.clickhouse_port}"
        if code in REFUSALS:
            return RefusedRowsError(about, code)
        if code in _MISSING:
            return StoreUnavailableError(f"{where} lacks what {about} needs ({_named(code)}): run `hydrometer migrate`")
        if code in _DENIED:
            return StoreUnavailableError(f"{where} denies {about} ({_named(code)}): check HYDROMETER_CLICKHOUSE_USER and _PASSWORD")
        if fault := self._tls_fault():
            return StoreUnavailableError(f"{where} {fault}")
        what = f"code {code}, {_named(code)}" if code > 0 else type(error).__name__
        return StoreUnavailableError(f"{where} failed on {about} ({what}): check the server and its free disk space")

    def _tls_fault(self) -> str | None:
        if not self._settings.clickhouse_secure:
            return None
        host, port = self._settings.clickhouse_host, self._settings.clickhouse_port
        return tls.fault(host, port, self._settings.clickhouse_ssl_cafile, "clickhouse_ssl_cafile")


@contextmanager
def connected(settings: Settings | None = None) -> Iterator[ClickHouse]:
    """Yield a client and close it at the end. Without settings those of the environment are read, for ClickHouse alone.

    Raises SettingsError.
    """
    with closing(ClickHouse(settings or Settings.load(role="clickhouse"))) as clickhouse:
        yield clickhouse


def connect(
    settings: Settings, *, numpy: bool = False, as_bytes: bool = False, database: str | None = None, answer_seconds: int = _INSERT_SECONDS
) -> Client:
    """Return the driver's client for these settings, with lz4 and time-outs. It connects at its first query.

    Results are NumPy columns with `numpy`, and their texts bytes with `as_bytes`; `database` is that of the settings unless given.
    """
    return Client(
        settings.clickhouse_host,
        port=settings.clickhouse_port,
        user=settings.clickhouse_user,
        password=settings.clickhouse_password.get_secret_value(),
        database=settings.clickhouse_database if database is None else database,
        secure=settings.clickhouse_secure,
        verify=True,
        ca_certs=str(settings.clickhouse_ssl_cafile) if settings.clickhouse_ssl_cafile else None,
        client_name="hydrometer",
        compression="lz4",
        connect_timeout=_CONNECT_SECONDS,
        send_receive_timeout=answer_seconds,
        sync_request_timeout=_PING_SECONDS,
        settings={"use_numpy": numpy, "strings_as_bytes": as_bytes},
    )


def retrying(
    action: Callable[[], T],
    stop: threading.Event,
    before_retry: Callable[[], None] = lambda: None,
    *,
    first_wait_seconds: float = 0.2,
    max_wait_seconds: float = 30.0,
) -> T:
    """Call `action` until ClickHouse accepts it, with exponential back-off and jitter; `before_retry` is called before each wait.

    Raises the last StoreUnavailableError once `stop` is set, RefusedRowsError at once.
    """
    ceiling = wait_exponential(multiplier=first_wait_seconds, max=max_wait_seconds)

    def wait_seconds(state: RetryCallState) -> float:
        return random.uniform(0.5, 1.0) * ceiling(state)

    def wait_or_stop(state: RetryCallState) -> None:
        before_retry()
        error = state.outcome.exception() if state.outcome else None
        _log.warning("%s Next try in %.1f s; nothing is dropped.", error, state.upcoming_sleep)
        if stop.wait(state.upcoming_sleep) and error:
            raise error  # here: tenacity's own stop tries once more after the wait, up to a minute while ClickHouse hangs

    unavailable = retry_if_exception_type(StoreUnavailableError)
    return Retrying(retry=unavailable, wait=wait_seconds, before_sleep=wait_or_stop, sleep=lambda _: None, reraise=True)(action)


def _array(values: Sequence[Any] | np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if isinstance(values, np.ndarray):
        return values
    array = np.empty(len(values), object)  # np.array would guess a width for texts
    array[:] = values
    return array if values and isinstance(values[0], str | bytes) else np.array(values)


def _named(code: int) -> str:
    names: dict[int, str] = {value: name for name, value in vars(errors.ErrorCodes).items() if isinstance(value, int)}
    return {469: "VIOLATED_CONSTRAINT", 497: "ACCESS_DENIED", 516: "AUTHENTICATION_FAILED"}.get(code, names.get(code, "unnamed"))
