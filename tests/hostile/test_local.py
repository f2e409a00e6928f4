"""`hydrometer local` as a web page, a curious client and a clumsy one find it: what is here stays here, and others are served."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
import zstandard

from streams.testing.processes import Running, free_port, hydrometer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]
EVERYWHERE = "0.0.0.0"  # noqa: S104  (nothing may listen there)
SECRET = "quokka-7f3a-marker"


class Local:
    """A running `hydrometer local`, with the password that it drew."""

    def __init__(self, process: Running, port: int, folder: Path) -> None:
        self.process, self.port, self.folder = process, port, folder
        give_up = time.monotonic() + 60
        while not (kept := folder / "state" / "clickhouse_password").exists():
            assert process.runs, process.log.read_text()
            assert time.monotonic() < give_up
            time.sleep(0.1)
        self.password = kept.read_text()

    @property
    def engine(self) -> int:
        """The process that serves ClickHouse."""
        pid = self.process.process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    @property
    def cpu_seconds(self) -> float:
        """What the engine's process has used."""
        fields = Path(f"/proc/{self.engine}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def peak_mb(self) -> float:
        """The most memory that the engine's process has held at a time."""
        lines = Path(f"/proc/{self.engine}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

    def ask(self, body: bytes, *, method: str = "POST", password: str | None = None, query: str = "", **headers: str) -> tuple[int, str]:
        """Return the status and text of an answer; underscores of header names are dashes."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        given = {"X-ClickHouse-User": "hydrometer", "X-ClickHouse-Key": self.password if password is None else password}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, "/?" + urlencode({"query": query} if query else {}), body, given | named)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    folder = tmp_path_factory.mktemp("local")
    (folder / "secret").write_text(SECRET)
    port = free_port()
    ports = {"CLICKHOUSE_PORT": str(free_port()), "KAFKA": f"127.0.0.1:{free_port()}", "STATE_DIR": str(folder / "state")}
    words = ("local", "--data", str(folder / "data"), "--http-port", str(port))
    with hydrometer(*words, log=folder / "log", **ports) as process:
        yield Local(process, port, folder)


def test_its_password_is_drawn_and_nobody_is_let_in_without_it(local: Local) -> None:
    assert (local.folder / "state" / "clickhouse_password").stat().st_mode & 0o777 == 0o600
    assert [local.ask(b"SELECT 1", password=word)[0] for word in ("", "hydrometer", "only-for-tests", local.password[:-1])] == [403] * 4
    assert local.ask(b"SELECT 1") == (200, "1\n")


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Sec_Fetch_Site": "cross-site"}])
def test_a_page_of_another_site_is_refused(local: Local, headers: dict[str, str]) -> None:
    assert local.ask(b"SELECT 1", **headers)[0] == 403


def test_a_link_writes_nothing(local: Local) -> None:
    status, said = local.ask(b"", method="GET", query="CREATE TABLE written (a UInt8) ENGINE = Memory")
    assert (status, "READONLY" in said) == (500, True)
    assert local.ask(b"EXISTS TABLE written") == (200, "0\n")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM file('{secret}', 'LineAsString')",
        "SELECT file('{secret}')",
        "SELECT * FROM `{secret}`",
        "SELECT * FROM url('http://127.0.0.1:9/', 'LineAsString')",
        "INSERT INTO FUNCTION file('{folder}/out', 'TSV', 'a String') VALUES ('x')",
        "SELECT 'x' INTO OUTFILE '{folder}/out'",
        "SELECT $a$'$a$, * FROM file('{secret}', 'LineAsString')",
        "SELECT /* $$ */ 1 FROM /* */ file /* */ ('{secret}', 'LineAsString') -- $$",
        "SET user_files_path = '/'",
        "CREATE DICTIONARY d (a String) PRIMARY KEY a SOURCE(FILE(path '{secret}' format 'TSV')) LAYOUT(FLAT()) LIFETIME(0)",
        "SYSTEM SHUTDOWN",
    ],
)
def test_no_statement_reaches_beyond_the_tables(local: Local, statement: str) -> None:
    words = statement.format(secret=local.folder / "secret", folder=local.folder)
    status, said = local.ask(words.encode())
    assert status >= 400
    assert SECRET not in said
    assert not (local.folder / "out").exists()


LONG = (b"(" * 500_000, b"'" * 500_001, b"$" * 500_000, b"/*" * 250_000, b"-- \n" * 250_000, b"SELECT " + b"a," * 250_000)


@pytest.mark.parametrize("text", LONG, ids=lambda text: text[:8].decode())
def test_no_text_takes_longer_than_its_length_deserves(local: Local, text: bytes) -> None:
    began = local.cpu_seconds
    assert local.ask(text)[0] >= 400
    assert local.cpu_seconds - began < 10
    assert local.ask(b"SELECT 1") == (200, "1\n")


def test_a_small_body_that_unpacks_to_much_is_refused(local: Local) -> None:
    before = local.peak_mb
    assert local.ask(zstandard.compress(bytes(1 << 30), 1), Content_Encoding="zstd")[0] == 413
    assert local.peak_mb - before < 100
    assert local.process.runs


def test_it_listens_on_loopback_alone_whatever_it_is_told(tmp_path: Path) -> None:
    broker, native, web = (free_port() for _ in range(3))
    told = {
        "CLICKHOUSE_HOST": EVERYWHERE,
        "CLICKHOUSE_PORT": str(native),
        "KAFKA": f"{EVERYWHERE}:{broker}",
        "STATE_DIR": str(tmp_path / "state"),
    }
    with hydrometer("local", "--data", str(tmp_path / "data"), "--http-port", str(web), log=tmp_path / "log", **told) as process:
        Local(process, web, tmp_path)
        lines = [line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
        listening = {int(line[1].partition(":")[2], 16): line[1].partition(":")[0] for line in lines if line[3] == "0A"}
    assert {listening.get(port) for port in (broker, native, web)} == {"0100007F"}
