from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from streams.clickhouse import migrate
from streams.clickhouse.client import ClickHouse, connect
from streams.clickhouse.migrate import Migration, MigrationError
from streams.core.errors import StoreUnavailableError
from streams.core.settings import Settings
from streams.devserver.process import LocalClickHouse
from streams.testing.builders import local_clickhouse

ONE, TWO = Migration(1, "0001_one", "SELECT 1"), Migration(2, "0002_two", "SELECT 2")


def applied(*migrations: Migration) -> dict[int, tuple[str, str]]:
    return {each.number: (each.name, each.checksum) for each in migrations}


def write(folder: Path, **files: str) -> Path:
    for name, sql in files.items():
        (folder / f"{name.removeprefix('m')}.sql").write_text(sql)
    return folder


def test_only_what_was_not_applied_is_pending() -> None:
    assert migrate.pending([ONE, TWO], applied(ONE)) == [TWO]
    assert migrate.pending([ONE, TWO], applied(ONE, TWO)) == []


def test_a_changed_file_is_refused_by_name() -> None:
    with pytest.raises(MigrationError, match="0001_one has changed since it was applied"):
        migrate.pending([Migration(1, "0001_one", "SELECT 9"), TWO], applied(ONE))


def test_a_database_newer_than_the_files_is_refused() -> None:
    with pytest.raises(MigrationError, match="0002_two was applied to this database, but is not among the files"):
        migrate.pending([ONE], applied(ONE, TWO))


def test_a_database_that_skipped_one_is_refused() -> None:
    with pytest.raises(MigrationError, match="skipped a migration before 0002"):
        migrate.pending([ONE, TWO], applied(TWO))


def test_numbers_have_no_gaps_and_no_twins(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="lacks migration 0002"):
        migrate.load(write(tmp_path, m0001_a="SELECT 1", m0003_b="SELECT 1"))
    with pytest.raises(MigrationError, match="lacks migration 0002"):
        migrate.load(write(tmp_path, m0001_b="SELECT 1"))


def test_a_file_with_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="name it like"):
        migrate.load(write(tmp_path, first="SELECT 1"))


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="no migrations in"):
        migrate.load(tmp_path)


def test_a_file_is_split_where_a_line_ends_in_a_semicolon() -> None:
    assert Migration(1, "x", "SELECT ';' ;\nSELECT 2; -- two\n").statements == ["SELECT ';'", "SELECT 2"]


def test_the_files_are_found_and_each_may_run_again() -> None:
    for migration in migrate.load():
        for statement in migration.statements:
            fills = re.match(r"INSERT INTO (\w+)", statement)  # a row that comes twice replaces itself
            again = fills and re.search(rf"EXISTS {fills[1]}\n.*?\nENGINE = ReplacingMergeTree", migration.sql, re.DOTALL)
            assert again or re.search(r"IF (NOT )?EXISTS|MODIFY TTL", statement), f"{migration.name}: a statement that cannot run twice"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalClickHouse]:
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    with local_clickhouse(tmp_path_factory.mktemp("clickhouse")) as running:
        yield running


@pytest.fixture
def settings(server: LocalClickHouse, request: pytest.FixtureRequest) -> Settings:
    return Settings(
        mode="local",
        clickhouse_port=server.port,
        clickhouse_user=server.user,
        clickhouse_password=SecretStr(server.password),
        clickhouse_database=request.node.name[:60],
    )


def tables(settings: Settings) -> set[str]:
    return {name for (name,) in ClickHouse(settings).query("SELECT name FROM system.tables WHERE database = currentDatabase()")}


def test_all_tables_are_made_once(settings: Settings) -> None:
    seen: list[str] = []
    assert len(migrate.run(settings, progress=lambda each: seen.append(each.name))) == len(seen) == len(migrate.load())
    assert migrate.run(settings) == []
    assert {"requests", "scores", "shadow_scores", "alerts", "cases", "labels", "dead_letters", "usage_minute", "health"} <= tables(
        settings
    )


def test_a_dry_run_lists_and_writes_nothing(settings: Settings) -> None:
    assert len(migrate.run(settings, dry_run=True)) == len(migrate.load())
    databases = connect(settings, database="").execute("SHOW DATABASES")
    assert (settings.clickhouse_database,) not in databases


def test_a_failing_file_says_why_and_the_next_run_goes_on_from_there(settings: Settings, tmp_path: Path) -> None:
    good = "CREATE TABLE IF NOT EXISTS a (x Int8) ENGINE = MergeTree ORDER BY x"
    write(tmp_path, m0001_good=good, m0002_bad="CREATE TABLE IF NOT EXISTS b (x Strin) ENGINE = MergeTree ORDER BY x")
    with pytest.raises(MigrationError, match=r"0002_bad failed: .*Strin.* \(code 50\); nothing after it was applied"):
        migrate.run(settings, path=tmp_path)
    write(tmp_path, m0002_bad=good.replace(" a ", " b "))
    assert [each.name for each in migrate.run(settings, path=tmp_path)] == ["0002_bad"]


def test_a_file_half_applied_by_a_crash_is_completed(settings: Settings) -> None:
    migrate.run(settings)
    gateway = ClickHouse(settings)
    gateway.query("TRUNCATE TABLE migrations")  # as if no file had been recorded
    assert len(migrate.run(settings)) == len(migrate.load())


def test_every_table_that_batches_are_written_to_remembers_tokens(settings: Settings) -> None:
    migrate.run(settings)
    made = ClickHouse(settings).query(
        "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%%MergeTree'"
    )
    forgetful = {name for name, sql in made if "non_replicated_deduplication_window = 10000" not in sql}
    assert forgetful == {"migrations"}


def test_every_table_expires(settings: Settings) -> None:
    migrate.run(settings)
    made = ClickHouse(settings).query(
        "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%%MergeTree'"
    )
    assert {name for name, sql in made if " TTL " not in sql} == {"migrations"}


def test_clickhouse_away_is_one_clear_line(settings: Settings) -> None:
    with pytest.raises(StoreUnavailableError, match=r"does not answer \(.*\): start it"):
        migrate.run(settings.model_copy(update={"clickhouse_port": 1}))


def test_a_clickhouse_that_denies_us_is_no_dead_one(settings: Settings) -> None:
    with pytest.raises(StoreUnavailableError, match=r"refuses to migrate.*check HYDROMETER_CLICKHOUSE_USER"):
        migrate.run(settings.model_copy(update={"clickhouse_user": "nobody"}))
