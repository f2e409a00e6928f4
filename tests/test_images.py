"""Images are pinned in place by what their registry answers, and a registry that cannot be asked pins nothing and says so."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from streams.testing.by_path import loaded
from streams.testing.http_answers import serving

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def program() -> ModuleType:
    return loaded(Path(__file__).with_name("images.py"))


def index(*platforms: str) -> bytes:
    manifests = [{"platform": dict(zip(("os", "architecture"), each.split("/"), strict=True))} for each in platforms]
    return json.dumps({"schemaVersion": 2, "manifests": manifests}).encode()


WHOLE = index("linux/amd64", "linux/arm64", "unknown/unknown")


@contextmanager
def registry(answer: bytes = WHOLE, *, digest: str = "") -> Iterator[tuple[str, list[str]]]:
    """Serve one index under every tag, to who brings the token that it gives out, as Docker Hub does; yield address and tags."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/token?"):
                scope = re.search(r"scope=repository%3A([\w%.-]+)%3Apull", self.path)
                return self.answer(200, json.dumps({"token": scope[1] if scope else ""}).encode())
            repository, _, tag = self.path.removeprefix("/v2/").partition("/manifests/")
            if self.headers.get("Authorization") != f"Bearer {repository.replace('/', '%2F')}":
                challenge = f'Bearer realm="http://127.0.0.1:{self.server.server_port}/token",service="registry"'  # type: ignore[attr-defined]
                return self.answer(401, b"", {"WWW-Authenticate": challenge})
            assert "image.index" in self.headers["Accept"]
            asked.append(f"{repository}:{tag}")
            return self.answer(200, answer, {"Docker-Content-Digest": digest} if digest else {})

        def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}", asked


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    return tmp_path


def named(program: ModuleType, root: Path) -> set[str]:
    return {image.reference for path in program.files(root) for image in program.images(path.read_text())}


def test_every_image_of_every_file_is_known_to_the_target_and_has_a_version(program: ModuleType) -> None:
    services = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"].values()
    composed = {service["image"].partition("@")[0] for service in services if not service["image"].startswith("hydrometer:")}
    assert composed
    assert composed < named(program, ROOT)
    everywhere = "\n".join(path.read_text() for path in (ROOT / "deploy").rglob("*") if path.suffix in (".yaml", "") and path.is_file())
    lines = [
        line for line in everywhere.splitlines() if re.match(r"\s*(- )?(FROM|image:) .*\w:\d", line) and "image: hydrometer:" not in line
    ]
    assert len(lines) == sum(len(program.images(path.read_text())) for path in program.files())
    assert all(re.match(r"[\w./-]+:\d+\.\d+\.\d+", reference) for reference in named(program, ROOT))


def test_an_image_without_a_version_is_refused(program: ModuleType) -> None:
    with pytest.raises(program.RegistryError, match="python names no version"):
        program.images("FROM python\n")


def test_a_digest_is_written_behind_every_name_and_written_once(
    program: ModuleType, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with registry() as (url, asked):
        assert (program.main(checkout, [url]), program.main(checkout, [url])) == (0, 0)
    digest = f"sha256:{hashlib.sha256(WHOLE).hexdigest()}"
    assert {image.digest for path in program.files(checkout) for image in program.images(path.read_text())} == {digest}
    assert {"library/python:3.11.14-slim-bookworm", "apache/kafka:4.3.1"} <= set(asked)
    dockerfile = (checkout / "deploy/Dockerfile").read_text()
    assert dockerfile.count(f"FROM python:3.11.14-slim-bookworm@{digest}") == dockerfile.count("FROM ")
    assert "image: hydrometer:0.2.0\n" in (checkout / "deploy/compose.yaml").read_text()
    assert f"apache/kafka:4.3.1@{digest}" in capsys.readouterr().out
    before = {path.name: re.sub(f"@{digest}", "", path.read_text()) for path in program.files(checkout)}
    assert before == {path.name: re.sub(r"@sha256:\w+", "", path.read_text()) for path in program.files()}


def test_a_registry_that_cannot_be_reached_pins_nothing_and_is_a_failure_only_if_asked_for(
    program: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_text() for path in program.files(checkout)}
    monkeypatch.delenv("STRICT", raising=False)
    assert program.main(checkout, ["http://127.0.0.1:9"]) == 0
    assert "NOT PINNED: python:3.11.14-slim-bookworm: http://127.0.0.1:9/v2/library/python/" in capsys.readouterr().out
    monkeypatch.setenv("STRICT", "1")
    assert program.main(checkout, ["http://127.0.0.1:9"]) == 1
    assert before == {path: path.read_text() for path in program.files(checkout)}


def test_an_image_for_one_platform_or_other_than_its_digest_is_refused(program: ModuleType) -> None:
    image = program.Image("grafana/grafana", "13.0.1", None)
    with registry(index("linux/amd64")) as (url, _), pytest.raises(program.RegistryError, match="not built for linux/arm64"):
        program.digest(image, url)
    with registry(digest="sha256:0") as (url, _), pytest.raises(program.RegistryError, match="another image than the digest"):
        program.digest(image, url)


def test_the_platforms_are_those_that_our_own_image_is_built_for(program: ModuleType) -> None:
    [line] = re.findall(r"platforms += \[(.*)\]", (ROOT / "deploy/docker-bake.hcl").read_text())
    assert set(re.findall(r'"([\w/]+)"', line)) == program.PLATFORMS
