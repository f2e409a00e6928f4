"""The Parquet files of a replay follow from the records of their rows."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pyarrow as pa

from streams.schema.record import Seconds
from streams.schema.replay_files import FILES, Float32, parquet_schema, parquet_table


class Parcel(msgspec.Struct):
    name: str
    pieces: int
    fragile: bool
    weight: float
    size: Float32
    parts: dict[str, Float32]
    sent: Seconds
    arrived: Seconds | None = None


def test_each_type_has_its_column() -> None:
    moment = pa.timestamp("ms", tz="UTC")
    assert parquet_schema(Parcel).types == [
        pa.string(),
        pa.int64(),
        pa.bool_(),
        pa.float64(),
        pa.float32(),
        pa.map_(pa.string(), pa.float32()),
        moment,
        moment,
    ]


def test_a_row_is_read_back_with_moments_in_milliseconds_and_unknown_as_null() -> None:
    table = parquet_table([Parcel("a", 2, fragile=True, weight=1.5, size=0.5, parts={"x": 0.25}, sent=60.002)], Parcel)
    assert table.to_pylist()[0] == {
        "name": "a",
        "pieces": 2,
        "fragile": True,
        "weight": 1.5,
        "size": 0.5,
        "parts": [("x", 0.25)],
        "sent": datetime(1970, 1, 1, 0, 1, 0, 2000, tzinfo=UTC),
        "arrived": None,
    }


def test_a_table_without_rows_has_its_columns() -> None:
    assert parquet_table([], Parcel).schema.names == list(Parcel.__struct_fields__)


def test_every_parquet_file_has_a_schema() -> None:
    for name, record in FILES.items():
        if name.endswith(".parquet"):
            assert parquet_schema(record).names == list(record.__struct_fields__)
