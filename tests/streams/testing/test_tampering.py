"""What is tampered with differs from a good record in one thing, and leaves nothing of a record out."""

from __future__ import annotations

import json

import pytest

from streams.core.errors import BlockLayoutError
from streams.schema.blocks import Layout, decode
from streams.schema.record import Record
from streams.testing.tampering import KINDS, LAYOUTS, json_sample, sample, tampered, tampered_json


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_each_column_of_a_layout_is_changed(layout: Layout) -> None:
    good = sample(layout).encoded()
    assert len(decode(good, layout)) == 3
    changed = {what.partition(" ")[0]: value for what, value in tampered(layout) if value != good}
    assert layout.columns.keys() <= changed.keys()
    with pytest.raises(BlockLayoutError):
        decode(dict(tampered(layout))["cut to 0"], layout)


def test_each_value_of_a_record_is_changed_at_every_depth_and_nothing_else() -> None:
    record = {"name": "ada", "parts": [{"nats": 1.0}, {"nats": 2.0}]}
    changed = {what: value for what, value in tampered_json(json.dumps(record).encode()) if not what.startswith("cut")}
    assert {what.partition(" ")[0] for what in changed} == {"name", "parts", "parts/0", "parts/0/nats"}
    assert json.loads(changed["parts/0/nats -1"]) == {"name": "ada", "parts": [{"nats": -1}, {"nats": 2.0}]}
    assert json.loads(changed["parts/0 missing"]) == {"name": "ada", "parts": [{"nats": 2.0}]}
    assert record["parts"] == [{"nats": 1.0}, {"nats": 2.0}]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_sample_has_every_field_and_an_item_in_every_list(kind: type[Record]) -> None:
    good = json.loads(json_sample(kind))
    assert set(kind.__struct_fields__) == good.keys()
    kind.decode(json_sample(kind))
    assert "[]" not in json_sample(kind).decode()
    assert "{}" not in json_sample(kind).decode()
