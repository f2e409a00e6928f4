"""What every feature keeps to. The suite finds features and their tests by itself: a new file needs no change here."""

from __future__ import annotations

import math
import pkgutil
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import streams.features.account
import streams.features.group
from dashboards.panel import panels
from models.accumulators import dialogue, pauses
from models.accumulators.grouped_events import GroupedEvents
from models.arrays import Floats
from models.durations import DAY, HOUR
from models.evidence.families import FAMILIES
from models.state.columns import Columns
from streams.features.bank import Bank
from streams.features.declaration import SHARE, Direction, Feature
from streams.features.events import NEVER_EVIDENCE
from streams.features.members import Members
from streams.features.registry import features
from streams.schema.blocks import Block, BlockColumns, Layout
from streams.schema.layouts import REQUESTS
from streams.testing.feature_trial import START_SECONDS, block_of, derived_columns, events_of, members_of

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {"account": streams.features.account, "group": streams.features.group}
FILES = sorted((module.name, room) for room, package in ROOMS.items() for module in pkgutil.iter_modules(package.__path__))
ACCOUNT = features("account")
GROUP = features("group")
ALL = (*ACCOUNT, *GROUP)
BANK = Bank(ACCOUNT)
MAX_STATE_BYTES = 2500
"""State of all features together, an account: a million accounts are to fit into the memory of a few workers."""

MAX_LABEL_CHARACTERS = 70
TEMPLATE_WORDS = re.compile(r"attacks that (make|it)|benign traffic that makes")

each_feature = pytest.mark.parametrize("feature", ALL, ids=lambda feature: feature.name())
each_account_feature = pytest.mark.parametrize("feature", ACCOUNT, ids=lambda feature: feature.name())
each_group_feature = pytest.mark.parametrize("feature", GROUP, ids=lambda feature: feature.name())
each_file = pytest.mark.parametrize(("name", "room"), FILES, ids=[name for name, _ in FILES])


# -- one feature, one file, one test


@each_file
def test_a_file_declares_the_feature_of_its_name_or_several_that_begin_with_it(name: str, room: str) -> None:
    names = [feature.name() for feature in ALL if feature.__module__ == f"streams.features.{room}.{name}"]
    family = len(names) > 1 and all(feature.startswith(f"{name}_") for feature in names)
    assert names == [name] or family, f"streams/features/{room}/{name}.py declares {names or 'no feature'}: name the file like its feature"


@each_file
def test_a_feature_has_its_own_test(name: str, room: str) -> None:
    path = ROOT / "tests" / "streams" / "features" / room / f"test_{name}.py"
    assert path.is_file(), f"{name} needs {path.relative_to(ROOT)}"
    assert "def test_" in path.read_text(encoding="utf-8"), f"{path.relative_to(ROOT)} tests nothing"


def test_no_test_outlives_its_feature() -> None:
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "tests" / "streams" / "features").glob("*/test_*.py")}
    assert sorted(tests - {name for name, _ in FILES}) == []


def test_there_are_features_of_every_family_that_accounts_or_groups_can_show() -> None:
    assert {feature.family for feature in ALL} == set(FAMILIES)


# -- what a feature says of itself


@each_feature
def test_a_feature_declares_the_words_that_people_read(feature: type[Feature]) -> None:
    assert feature.label[0].isupper()
    assert len(feature.label) <= MAX_LABEL_CHARACTERS
    words = f"{feature.rises_on} {feature.blind_to} {feature.benign_causes}"
    assert not TEMPLATE_WORDS.search(words), f"{feature.name()} still has the words of its template"
    for text in (feature.rises_on, feature.blind_to, feature.benign_causes or "x"):
        assert text == text.strip(" .")
        assert text, f"{feature.name()} leaves a field of words empty"


@each_feature
def test_a_share_lies_between_none_and_all(feature: type[Feature]) -> None:
    if feature.unit == SHARE:
        assert (feature.limits, feature.scale) == ((0.0, 1.0), "plain")


def test_a_changed_docstring_changes_nothing_that_people_read() -> None:
    """Run `READ` with docstrings and without: `python -OO` strips them all."""
    with_docstrings, without = (
        subprocess.run([sys.executable, *options, "-c", READ], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for options in ([], ["-OO"])
    )
    assert len(without.splitlines()) == 2 * len(ALL)
    assert without == with_docstrings


READ = """
import json
from dashboards.panel import panels
from streams.cases.phrasing import sentence
from streams.features.registry import by_name
for name, feature in by_name().items():
    print(sentence(name, feature.limits[1], feature.limits, 1.0))
    print(json.dumps(panels()[name].render(), sort_keys=True))
"""


@each_feature
def test_a_feature_declares_family_direction_and_limits(feature: type[Feature]) -> None:
    low, high = feature.limits
    assert feature.family in FAMILIES
    assert feature.direction in get_args(Direction)
    assert math.isfinite(low)
    assert math.isfinite(high)
    assert low < high


@each_group_feature
def test_a_groups_vote_never_falls_as_its_value_rises(feature: type[Feature]) -> None:
    if feature.nats is not None:
        nats = [feature.nats(float(value)) for value in np.linspace(*feature.limits, 20)]
        assert np.isfinite(nats).all()
        assert nats == sorted(nats)


# -- values of accounts


def some_requests(seed: int, rows: int = 600) -> BlockColumns:
    """Requests of 12 accounts over three days as they come: plausible numbers, many of them unknown."""
    rng = np.random.default_rng(seed)

    def number(values: Floats, known: float = 0.8) -> Floats:
        return np.where(rng.random(rows) < known, values, np.nan)

    def words(*choice: str | None) -> list[str | None]:
        return [choice[i] for i in rng.integers(0, len(choice), rows)]

    coin = rng.random((12, rows)) < 0.3
    columns: BlockColumns = {name: rng.integers(0, 9, rows) for name, kind in REQUESTS.columns.items() if kind == "hash"}
    columns |= {
        name: number(coin[i].astype(float)) for i, name in enumerate(("seeded", "streamed", "templated", "repeated", "own_template"))
    }
    columns |= {f"asks_{what}": number(coin[6 + i].astype(float)) for i, what in enumerate(("reasoning", "grading", "trajectory"))}
    return columns | {
        "time": np.sort(START_SECONDS + rng.uniform(0, 3 * DAY, rows)),
        "account_id": [f"account-{i}" for i in rng.integers(0, 12, rows)],
        "account_created": number(START_SECONDS - rng.uniform(0, 3000 * DAY, rows)),
        "status": number(rng.choice([200, 200, 429, 500], rows).astype(float)),
        "duration": number(rng.lognormal(1, 1, rows)),
        "input_tokens": number(rng.lognormal(6, 2, rows).round() + 1),
        "cached_tokens": number(rng.lognormal(2, 2, rows).round()),
        "output_tokens": number(rng.lognormal(5, 2, rows).round() + 100),
        "reasoning_tokens": number(rng.uniform(0, 100, rows).round()),
        "temperature": number(rng.choice([0.0, 0.7, 1.0], rows)),
        "max_tokens": number(rng.choice([256.0, 4096.0], rows)),
        "choice_count": number(rng.choice([1.0, 4.0], rows)),
        "top_logprobs": number(rng.choice([0.0, 5.0], rows)),
        "message_count": number(rng.integers(1, 9, rows).astype(float)),
        "as_number": number(rng.integers(1, 6, rows).astype(float)),
        "claim_misfit": number(rng.exponential(0.5, rows)),
        "claim_known": rng.random(rows),
        "new_model": number(coin[11].astype(float)),
        "known_corpus": number(coin[10].astype(float)),
        "finish_reason": words("stop", "length", None),
        "indicator": words("ind-000000000001", "none", "none", None),
        "as_type": words("isp", "hosting", "vpn", None),
        "sdk_version": words("1.0", "1.1", None),
        "user_agent": words("a", "b", None),
        "country": words("XA", "XB", None),
        "language": words("xx", "yy", None),
    }


def hostile_requests(seed: int, rows: int = 120) -> BlockColumns:
    """Requests out of order, with every number drawn from the worst there are."""
    rng = np.random.default_rng(seed)
    worst = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, -1.0, 1e-30, 1e9, 3e38, -3e38])
    columns = some_requests(seed, rows)
    for name, kind in REQUESTS.columns.items():
        if kind == "number":
            columns[name] = rng.choice(worst, rows)
        elif kind == "hash":
            columns[name] = rng.choice(np.array([0, 1, 2**63, 2**64 - 1], np.uint64), rows)
    columns["time"] = rng.permutation(np.asarray(columns["time"]))
    columns["account_created"] = rng.choice([np.nan, np.inf, -1e12, 0.0, START_SECONDS + DAY], rows)
    return columns


def counted(*parts: BlockColumns) -> Columns:
    """All account features' state after these blocks."""
    table = Columns("accounts", BANK.fields() | dialogue.FIELDS | pauses.FIELDS)
    for offset, columns in enumerate(parts):
        count(block_of(columns), columns, table, offset)
    return table


def count(block: Block, columns: BlockColumns, table: Columns, offset: int) -> None:
    slots = table.intern(block.words("account_id"))[block.codes("account_id")]
    grouped = GroupedEvents.of(slots, np.asarray(block.numbers("time"), np.float64), table["clock"])
    BANK.fold(
        table,
        events_of(block, grouped, {name: np.asarray(column) for name, column in columns.items()}, table),
    )
    table.touch(grouped.slots, offset)


def values(table: Columns) -> dict[str, Floats]:
    found, _ = BANK.read(table, table.intern([f"account-{i}" for i in range(12)]))
    return {feature.name(): found[:, position] for position, feature in enumerate(ACCOUNT)}


def part(columns: BlockColumns, rows: slice) -> BlockColumns:
    return {name: column[rows] for name, column in columns.items()}


@pytest.fixture(scope="module")
def ordinary() -> dict[str, Floats]:
    return values(counted(some_requests(1)))


@pytest.fixture(scope="module")
def again() -> dict[str, Floats]:
    return values(counted(some_requests(1)))


@pytest.fixture(scope="module")
def in_pieces() -> dict[str, Floats]:
    columns = some_requests(1)
    return values(counted(*(part(columns, slice(start, start + 40)) for start in range(0, 600, 40))))


@pytest.fixture(scope="module")
def in_half_a_day() -> BlockColumns:
    """The same requests six times as fast: four an hour of each account."""
    columns = some_requests(1)
    return columns | {"time": START_SECONDS + (np.asarray(columns["time"]) - START_SECONDS) / 6}


@pytest.fixture(scope="module")
def fast(in_half_a_day: BlockColumns) -> dict[str, Floats]:
    return values(counted(in_half_a_day))


@pytest.fixture(scope="module")
def shuffled(in_half_a_day: BlockColumns) -> dict[str, Floats]:
    """The same requests in blocks, each up to an hour late."""
    late = np.asarray(in_half_a_day["time"]) + np.random.default_rng(1).uniform(0, HOUR, 600)
    columns: BlockColumns = {name: [column[row] for row in np.argsort(late)] for name, column in in_half_a_day.items()}
    return values(counted(*(part(columns, slice(start, start + 40)) for start in range(0, 600, 40))))


@pytest.fixture(scope="module")
def restarted() -> dict[str, Floats]:
    before, after = counted(some_requests(1)), Columns("accounts", BANK.fields() | dialogue.FIELDS | pauses.FIELDS)
    after.load([(chunk, before.dump(chunk)) for chunk in before.dirty()])
    return values(after)


@each_account_feature
def test_values_of_ordinary_requests_are_known_and_within_the_limits(feature: type[Feature], ordinary: dict[str, Floats]) -> None:
    found = ordinary[feature.name()]
    known = found[~np.isnan(found)]
    low, high = feature.limits
    assert len(known) > len(found) / 2
    assert (known >= low).all()
    assert (known <= high).all()


@each_account_feature
def test_the_same_requests_give_the_same_values(feature: type[Feature], ordinary: dict[str, Floats], again: dict[str, Floats]) -> None:
    np.testing.assert_array_equal(again[feature.name()], ordinary[feature.name()])


@each_account_feature
def test_where_a_block_ends_makes_no_difference(feature: type[Feature], ordinary: dict[str, Floats], in_pieces: dict[str, Floats]) -> None:
    np.testing.assert_allclose(in_pieces[feature.name()], ordinary[feature.name()], rtol=1e-3, atol=1e-4)


@each_account_feature
def test_the_order_in_which_the_requests_of_an_hour_arrive_makes_no_difference(
    feature: type[Feature], fast: dict[str, Floats], shuffled: dict[str, Floats]
) -> None:
    np.testing.assert_allclose(shuffled[feature.name()], fast[feature.name()], rtol=1e-3, atol=1e-3)


@each_account_feature
def test_values_survive_a_restart(feature: type[Feature], ordinary: dict[str, Floats], restarted: dict[str, Floats]) -> None:
    np.testing.assert_array_equal(restarted[feature.name()], ordinary[feature.name()])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_input_makes_a_value_infinite(seed: int) -> None:
    with np.errstate(all="ignore"):
        found = values(counted(hostile_requests(seed), some_requests(seed)))
    assert [name for name, column in found.items() if np.isinf(column).any()] == []


class WatchedBlock(Block):
    """A block that notes which columns are read."""

    def __init__(self, layout: Layout, batch: Any) -> None:
        super().__init__(layout, batch)
        self.reads = set[str]()

    def _column(self, name: str) -> Any:
        self.reads.add(name)
        return super()._column(name)


def test_nationality_and_language_are_never_read() -> None:
    columns = some_requests(1)
    plain = block_of(columns)
    block = WatchedBlock(plain.layout, plain.batch)
    count(block, columns, Columns("accounts", BANK.fields() | dialogue.FIELDS | pauses.FIELDS), 0)
    assert "output_tokens" in block.reads
    assert block.reads.isdisjoint(NEVER_EVIDENCE)


@pytest.fixture(scope="module")
def nothing_but_time() -> tuple[dict[str, Floats], set[str]]:
    """The values of an account of which nothing but the times is known, and the names of all that is unknown of it."""
    columns: BlockColumns = {"account_id": ["account-0"] * 5, "time": START_SECONDS + np.arange(5.0)}
    block, table = block_of(columns), Columns("accounts", BANK.fields() | dialogue.FIELDS | pauses.FIELDS)
    grouped = GroupedEvents.of(np.zeros(5, np.int64), np.asarray(block.numbers("time"), np.float64), table["clock"])
    unknown = {*REQUESTS.columns, *derived_columns(block, grouped, {}), "uncached_input_tokens"} - {*columns, "gap"}
    return values(counted(columns)), unknown


@each_account_feature
def test_missing_is_not_zero(feature: type[Feature], nothing_but_time: tuple[dict[str, Floats], set[str]]) -> None:
    found, unknown = nothing_but_time
    needs = {word for need in feature.value.needs for word in re.findall(r"[a-z_]+", need.label)}
    assert math.isnan(found[feature.name()][0]) or not needs & unknown


def test_the_state_of_all_features_is_small(record_property: Callable[[str, object], None]) -> None:
    table = Columns("accounts", BANK.fields() | dialogue.FIELDS | pauses.FIELDS)
    record_property("bytes_per_account", table.bytes_per_row)
    largest = sorted(((item.size * np.dtype(item.dtype).itemsize, name) for name, item in table.fields.items()), reverse=True)[:5]
    assert table.bytes_per_row < MAX_STATE_BYTES, f"{table.bytes_per_row} bytes an account; the largest: {largest}"


# -- values of groups


GIVEN_MEMBERS = {"kind", "now", "balance", "prompt_sample", "evidence_shrunk", "evidence_raw"}


def some_members(seed: int, rows: int, unknown: float = 0.0) -> Members:
    """Accounts of one group, a share of every column unknown."""
    rng = np.random.default_rng(seed)
    hashes = {"payment", "organization", "router", "template", "subnet", "tools"}
    times = {"first", "last", "created", "account_first"}

    def column(name: str) -> NDArray[Any]:
        if name in hashes:
            return np.where(rng.random(rows) < unknown, 0, rng.integers(1, 5, rows)).astype(np.uint64)
        known = rng.integers(1, 99, rows) if name in {"requests", "total", "output_tokens"} else rng.random(rows)
        known = START_SECONDS - rng.uniform(0, 90 * DAY, rows) if name in times else known
        return np.where(rng.random(rows) < unknown, np.nan, known)

    filled: dict[str, Any] = {item.name: column(item.name) for item in fields(Members) if item.name not in GIVEN_MEMBERS}
    nats = np.where(rng.random((rows, len(FAMILIES))) < unknown, np.nan, rng.uniform(-1, 7, (rows, len(FAMILIES))))
    filled["prompt_sample"] = np.where(rng.random((rows, 8)) < unknown, 0, rng.integers(1, 99, (rows, 8))).astype(np.uint64)
    made = members_of(**filled, balance=float(rng.uniform(0, 5)) if rng.random() >= unknown else np.nan)
    return Members(**{item.name: getattr(made, item.name) for item in fields(Members)} | {"evidence_shrunk": nats, "evidence_raw": nats})


@each_group_feature
@pytest.mark.parametrize("unknown", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("rows", [0, 1, 2, 3, 40])
def test_values_of_groups_are_unknown_or_within_the_limits(feature: type[Feature], rows: int, unknown: float) -> None:
    low, high = feature.limits
    for seed in range(5):
        value = feature.value(some_members(seed, rows, unknown))
        assert isinstance(value, float)
        assert math.isnan(value) or low <= value <= high


@each_group_feature
def test_a_group_of_which_nothing_is_known_has_an_unknown_value(feature: type[Feature]) -> None:
    assert math.isnan(feature.value(some_members(1, 40, unknown=1.0)))


@each_group_feature
def test_the_order_of_members_makes_no_difference(feature: type[Feature]) -> None:
    members = some_members(7, 30, unknown=0.1)
    turned = Members(**{item.name: _reversed(getattr(members, item.name)) for item in fields(Members)})
    assert feature.value(turned) == pytest.approx(feature.value(members), abs=1e-9, nan_ok=True)


def _reversed(column: Any) -> Any:
    return column[::-1] if isinstance(column, np.ndarray) else column


# -- panels


@pytest.mark.parametrize("name", panels())
def test_a_panel_asks_for_its_feature_and_explains_it(name: str) -> None:
    rendered = panels()[name].render()
    assert rendered["type"] == "timeseries"
    assert "Blind to: " in rendered["description"]
    for target in rendered["targets"]:
        assert f"features.values[indexOf(features.keys, '{name}')]" in target["rawSql"]
        assert target["pluginVersion"]
