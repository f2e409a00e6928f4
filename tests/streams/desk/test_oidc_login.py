"""Logins at a real provider of another author; and what a forged or foreign token would have to get past."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from aiohttp import DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer, unused_port
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from streams.clickhouse.client import ClickHouse
from streams.core.errors import SettingsError
from streams.core.settings import Settings
from streams.desk.app import COOKIE, LOGIN_COOKIE, START, Desk
from streams.desk.oidc_login import CALLBACK, LOGIN_SECONDS, MAX_LOGINS, LoginError, OidcLogin, discovered, roles_of
from streams.desk.queries import DeskQueries
from streams.desk.sessions import Person, Sessions
from streams.testing.http_answers import Asked, answering

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the provider's own
    from oidc_provider_mock import User, run_server_in_thread

REDIRECT = f"http://127.0.0.1:8700{CALLBACK}"
ADA = {"email": "ada@example.com", "email_verified": True, "groups": ["staff", "soc"]}
PEOPLE = {
    "ada": ADA,
    "boss": {"email": "boss@example.com", "email_verified": True, "groups": ["soc", "soc-leads"]},
    "guest": {"email": "guest@example.com", "email_verified": True, "groups": ["staff"]},
    "unproven": {"email": "ada@example.com", "email_verified": False, "groups": ["soc"]},
    "odd": {"email": "odd@example.com", "email_verified": True, "groups": [7, None, {"a": 1}]},
}


def settings_of(issuer: str, **other: Any) -> Settings:
    values = {"mode": "local", "oidc_issuer": issuer, "oidc_client_id": "desk", "oidc_client_secret": "the desk's secret"}
    values["oidc_roles"] = "soc=analyst,soc-leads=approver"
    return Settings.model_validate(values | other)


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A provider that people log in at by naming themselves."""
    with run_server_in_thread(user_claims=[User(sub=sub, claims=dict(claims)) for sub, claims in PEOPLE.items()]) as server:
        yield f"http://127.0.0.1:{server.server_port}"


def came_back(address: str, person: str) -> dict[str, str]:
    """Log a person in at the provider, and return what it sends them back with."""
    answer = requests.post(address, data={"sub": person}, allow_redirects=False, timeout=10)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


@pytest.mark.parametrize(("sub", "role"), [("ada", "analyst"), ("boss", "approver")])
def test_a_person_logs_in_with_the_highest_role_of_their_groups(issuer: str, sub: str, role: str) -> None:
    login = OidcLogin(settings_of(issuer), REDIRECT)
    address, state = login.begin()
    assert login.finish(came_back(address, sub), state) == Person.parse(f"{sub}@example.com:{role}")


@pytest.mark.parametrize(
    ("sub", "why"), [("guest", "in none of the groups"), ("odd", "in none of the groups"), ("unproven", "no email that it vouches for")]
)
def test_a_person_without_a_group_or_a_proven_name_is_refused(issuer: str, sub: str, why: str) -> None:
    login = OidcLogin(settings_of(issuer), REDIRECT)
    address, state = login.begin()
    with pytest.raises(LoginError, match=why):
        login.finish(came_back(address, sub), state)


def test_an_answer_counts_once_in_the_browser_that_began_it_and_within_ten_minutes(issuer: str) -> None:
    now = [0.0]
    login = OidcLogin(settings_of(issuer), REDIRECT, clock=lambda: now[0])
    address, state = login.begin()
    answer = came_back(address, "ada")
    with pytest.raises(LoginError, match="not begun in this browser"):
        login.finish(answer, "another browser's")
    with pytest.raises(LoginError, match="not begun in this browser"):
        login.finish(answer, state)  # used up
    address, state = login.begin()
    now[0] = LOGIN_SECONDS + 1
    with pytest.raises(LoginError, match="ten minutes"):
        login.finish(came_back(address, "ada"), state)


def test_logins_that_never_come_back_take_bounded_memory(issuer: str) -> None:
    login = OidcLogin(settings_of(issuer), REDIRECT)
    _, first = login.begin()
    for _ in range(MAX_LOGINS):
        login.begin()
    with pytest.raises(LoginError, match="not begun"):
        login.finish({"state": first, "code": "x"}, first)


def test_an_error_of_the_provider_and_a_made_up_code_are_refused_in_one_line(issuer: str) -> None:
    login = OidcLogin(settings_of(issuer), REDIRECT)
    for query in ({"error": "access_denied"}, {"code": "made up"}):
        _, state = login.begin()
        with pytest.raises(LoginError, match=r"the provider does not vouch|did not log you in"):
            login.finish({**query, "state": state}, state)


KEY, FOREIGN = RSAKey.generate_key(2048), RSAKey.generate_key(2048)
GOOD = {"iss": "ISSUER", "aud": "desk", "sub": "1", "nonce": "n", **ADA}


def forged(name: str, issuer: str) -> str:
    now = int(time.time())
    claims: dict[str, Any] = {**GOOD, "iss": issuer, "iat": now, "exp": now + 300}
    match name:
        case "foreign key":
            return jwt.encode({"alg": "RS256"}, claims, FOREIGN)
        case "our public key as a shared secret":
            return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(KEY.as_pem(private=False)), algorithms=["HS256"])
        case "no signature":
            return jwt.encode({"alg": "none"}, claims, KEY, algorithms=["none"])
        case "no token":
            return "x.y.z"
        case _:
            changed: dict[str, Any] = {
                "another issuer": {"iss": "https://evil.example.com"},
                "another client": {"aud": "other"},
                "another client beside us": {"aud": ["desk", "other"], "azp": "other"},
                "another login": {"nonce": "m"},
                "expired": {"exp": now - 120, "iat": now - 400},
                "from the future": {"iat": now + 1000},
                "without an end": {"exp": None},
            }
            claims |= changed.get(name, {})
            return jwt.encode({"alg": "RS256"}, {key: value for key, value in claims.items() if value is not None}, KEY)


@contextmanager
def provider(published: dict[str, Any] | None = None) -> Iterator[str]:
    """A provider that publishes its addresses and KEY, and nothing else."""

    def answer(asked: Asked) -> tuple[int, bytes]:
        issuer = f"http://{asked.headers['Host']}"
        names = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
        addresses = {"issuer": issuer, **{name: f"{issuer}/{name}" for name in names}}
        body = {"keys": [KEY.as_dict(private=False)]} if asked.path == "/jwks_uri" else addresses | (published or {})
        return 200, json.dumps(body).encode()

    with answering(answer) as issuer:
        yield issuer


def test_a_token_is_believed_only_from_this_provider_for_this_client_and_this_login() -> None:
    with provider() as issuer:
        login = OidcLogin(settings_of(issuer), REDIRECT)
        assert login._claims(forged("good", issuer), "n")["sub"] == "1"
        for name in (
            "foreign key", "our public key as a shared secret", "no signature", "no token", "another issuer", "another client",
            "another client beside us", "another login", "expired", "from the future", "without an end",
        ):  # fmt: skip
            with pytest.raises(Exception, match=r".*") as caught:
                login._claims(forged(name, issuer), "n")
            assert isinstance(caught.value, ValueError | TypeError) or type(caught.value).__module__.startswith("joserfc"), name


@pytest.mark.parametrize(
    ("published", "why"),
    [({"issuer": "https://other.example.com"}, "names another issuer"), ({"token_endpoint": "http://evil.example.com/t"}, "https address")],
)
def test_a_provider_that_is_another_or_sends_secrets_in_the_clear_is_refused(published: dict[str, Any], why: str) -> None:
    with provider(published) as issuer, pytest.raises(SettingsError, match=why):
        discovered(issuer)


def test_a_provider_that_is_away_or_a_setting_that_is_missing_is_one_line() -> None:
    with pytest.raises(SettingsError, match="does not answer"):
        discovered("http://127.0.0.1:9")
    with pytest.raises(SettingsError, match="OIDC_CLIENT_ID is not set"):
        OidcLogin(settings_of("http://127.0.0.1:9", oidc_client_id=""), REDIRECT)
    for roles in ("", "soc", "soc=king", "=analyst"):
        with pytest.raises(SettingsError, match="OIDC_ROLES"):
            roles_of(roles)


async def test_a_browser_goes_to_the_provider_and_comes_back_logged_in(issuer: str, clickhouse: ClickHouse, store: Any) -> None:
    port = unused_port()
    origin = f"http://127.0.0.1:{port}"
    login = OidcLogin(settings_of(issuer), origin + CALLBACK)
    app = Desk(DeskQueries(clickhouse), store, Sessions(), frozenset({origin}), login).app()
    async with TestClient(TestServer(app, port=port), cookie_jar=DummyCookieJar()) as browser:
        assert START in await (await browser.get("/login")).text()
        begun = await browser.get(START, allow_redirects=False)
        state = begun.cookies[LOGIN_COOKIE]
        assert (state["httponly"], state["samesite"], state["path"]) == (True, "Lax", CALLBACK)
        query = came_back(begun.headers["Location"], "ada")
        stranger = await browser.get(CALLBACK, params=query, allow_redirects=False)
        assert stranger.status == 403
        begun = await browser.get(START, allow_redirects=False)
        query = came_back(begun.headers["Location"], "ada")
        done = await browser.get(CALLBACK, params=query, cookies={LOGIN_COOKIE: begun.cookies[LOGIN_COOKIE].value}, allow_redirects=False)
        assert (done.status, done.headers["Location"]) == (303, "/")
        queue = await browser.get("/", cookies={COOKIE: done.cookies[COOKIE].value})
        assert queue.status == 200
        assert "ada@example.com" in await queue.text()
