"""The desk keeps strangers out, shows text as text, and turns what people do into records that name them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from aiohttp import DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer

from streams.cases.views import terminal
from streams.clickhouse.client import ClickHouse
from streams.desk import account_view
from streams.desk.app import Desk
from streams.desk.queries import DeskQueries
from streams.desk.sessions import Person, Sessions
from streams.schema.actions import Action, EnforcementDecision
from streams.schema.cases import Case, Contribution, Score
from streams.schema.labels import Label

Client = TestClient[Any, Any]
LogIn = Callable[[str], tuple[dict[str, str], str]]
MakeCase = Callable[..., Case]
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


async def text_of(desk: Client, path: str, cookies: dict[str, str]) -> str:
    response = await desk.get(path, cookies=cookies)
    assert response.status == 200, await response.text()
    return await response.text()


async def act(desk: Client, case: Case, login: tuple[dict[str, str], str], **form: Any) -> tuple[int, str]:
    """Send a form of a case's page; return the status and where it leads, or what the page says."""
    cookies, token = login
    response = await desk.post(f"/case/{case.case_id}/act", data={"form_token": token, **form}, cookies=cookies, allow_redirects=False)
    return response.status, response.headers.get("Location") or await response.text()


# -- strangers


async def test_nothing_is_shown_without_a_session(desk: Client, make_case: MakeCase) -> None:
    case = make_case()
    for path in ("/", f"/case/{case.case_id}", f"/case/{case.case_id}/version", "/account?id=ada", "/router/00000000000000aa"):
        response = await desk.get(path)
        assert response.status == 401
        assert case.title not in await response.text()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "", "localhost.evil.example:80"])
async def test_a_foreign_host_is_refused_before_anything_else(desk: Client, log_in: LogIn, host: str) -> None:
    cookies, _ = log_in("ada:approver")
    assert (await desk.get("/", cookies=cookies, headers={"Host": host})).status == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Encoding": "br"},
        {"Content-Encoding": "gzip"},
        {"Content-Type": "application/json"},
        {"Content-Type": "multipart/form-data; boundary=x"},
    ],
)
async def test_what_is_no_plain_form_is_said_so(desk: Client, make_case: MakeCase, log_in: LogIn, headers: dict[str, str]) -> None:
    case, (cookies, token) = make_case(), log_in("ada:approver")
    for path in ("/login", "/logout", f"/case/{case.case_id}/act"):
        sent = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        assert (await desk.post(path, data=f"form_token={token}&kind=own", cookies=cookies, headers=sent)).status == 415


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1", "https://127.0.0.1:1"])
async def test_a_form_of_another_site_does_nothing(desk: Client, make_case: MakeCase, log_in: LogIn, store: Any, origin: str) -> None:
    case, (cookies, token) = make_case(), log_in("ada:approver")
    data = {"form_token": token, "kind": "own"}
    response = await desk.post(f"/case/{case.case_id}/act", data=data, cookies=cookies, headers={"Origin": origin})
    assert response.status == 403
    assert store.sent == []


@pytest.mark.parametrize("token", ["", "wrong", "of-another-session"])
async def test_a_form_without_its_sessions_token_does_nothing(
    desk: Client, make_case: MakeCase, log_in: LogIn, store: Any, token: str
) -> None:
    case, (cookies, _) = make_case(), log_in("ada:approver")
    _, other = log_in("eve:approver")
    given = other if token == "of-another-session" else token
    assert (await act(desk, case, (cookies, given), kind="own"))[0] == 403
    assert store.sent == []


async def test_every_answer_forbids_scripts_of_others_and_frames(desk: Client, make_case: MakeCase, log_in: LogIn) -> None:
    cookies, _ = log_in("ada:viewer")
    for path in ("/", f"/case/{make_case().case_id}", "/login", "/static/desk.js", "/case/nonsense", "/nowhere"):
        response = await desk.get(path, cookies=cookies)
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"


async def test_pages_hold_no_inline_script_or_style(desk: Client, make_case: MakeCase, log_in: LogIn) -> None:
    cookies, _ = log_in("ada:approver")
    for path in ("/", f"/case/{make_case().case_id}"):
        page = await text_of(desk, path, cookies)
        assert re.findall(r"<script(?![^>]*\bsrc=\"/static/)", page) == []
        assert re.findall(r"<style|\sstyle=|\son\w+=", page) == []


async def test_a_link_logs_in_once_and_by_a_form_alone(desk: Client, sessions: Sessions) -> None:
    token = sessions.invite(Person("ada", "analyst"))
    assert "Log in as ada" in await (await desk.get(f"/login?token={token}")).text()
    assert "Log in as ada" in await (await desk.get(f"/login?token={token}")).text(), "a preview of the link must not use it up"
    response = await desk.post("/login", data={"token": token}, allow_redirects=False)
    cookie = response.headers["Set-Cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Lax", "Path=/"))
    assert (await desk.post("/login", data={"token": token}, allow_redirects=False)).status == 401


async def test_behind_tls_no_other_host_of_the_domain_can_set_the_cookie(clickhouse: ClickHouse, store: Any, sessions: Sessions) -> None:
    app = Desk(DeskQueries(clickhouse), store, sessions, frozenset({"https://desk.example"})).app()
    headers = {"Host": "desk.example", "Origin": "https://desk.example"}
    async with TestClient(TestServer(app), headers=headers, cookie_jar=DummyCookieJar()) as browser:
        token = sessions.invite(Person("ada", "analyst"))
        cookie = (await browser.post("/login", data={"token": token}, allow_redirects=False)).headers["Set-Cookie"]
        assert cookie.startswith("__Host-")
        assert all(word in cookie for word in ("Secure", "Path=/", "HttpOnly"))
        assert (await browser.get("/", headers={"Cookie": cookie.partition(";")[0]})).status == 200
        assert (await browser.get("/", headers={"Cookie": cookie.partition(";")[0].removeprefix("__Host-")})).status == 401


async def test_who_logs_out_is_out(desk: Client, log_in: LogIn) -> None:
    cookies, token = log_in("ada:analyst")
    await desk.post("/logout", data={"form_token": token}, cookies=cookies, allow_redirects=False)
    assert (await desk.get("/", cookies=cookies)).status == 401


# -- hostile text


async def test_whatever_the_rows_hold_is_shown_as_text(desk: Client, make_case: MakeCase, log_in: LogIn) -> None:
    case = make_case(EVIL, "ada", title=EVIL)
    login = log_in(f"{EVIL[:40]}:approver")
    for form in (
        {"kind": "comment", "note": EVIL},
        {"kind": "permission", "note": EVIL},
        {"kind": "propose", "measure": "ban", "days": "7", "note": EVIL, "clause": EVIL},
    ):
        assert (await act(desk, case, login, **form))[0] == 303
    for path in (f"/case/{case.case_id}", "/?text=%3Cscript%3Ealert", "/", f"/account?id={EVIL}"):
        page = await (await desk.get(path, cookies=login[0])).text()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    assert "&lt;script&gt;" in await text_of(desk, f"/case/{case.case_id}", login[0])


async def test_a_page_says_once_what_was_done_and_no_sentence_of_an_address(desk: Client, make_case: MakeCase, log_in: LogIn) -> None:
    case, login = make_case(), log_in("ada:analyst")
    assert await act(desk, case, login, kind="own") == (303, f"/case/{case.case_id}")
    pages = [await text_of(desk, f"/case/{case.case_id}?said=Bob+approved+it", login[0]) for _ in range(2)]
    assert ['<p class="banner" role="status">' in page for page in pages] == [True, False]
    assert not any("Bob approved" in page for page in pages)


@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "rot13", "zlib", "idna", "punycode", "undefined", "no-such", "utf-8"])
@pytest.mark.parametrize("path", ["/login", "/logout", "/label", "/case/case-0123456789ab/act"])
async def test_a_form_in_any_charset_is_no_fault_of_ours(desk: Client, log_in: LogIn, path: str, charset: str) -> None:
    cookies, _ = log_in("ada:approver")
    for body in (b"token=+2AA-&form_token=+2AA-", b"form_token=%ED%A0%80&token=\xff", b"form_token=\xff"):
        headers = {"Content-Type": f"application/x-www-form-urlencoded; charset={charset}"}
        assert 400 <= (await desk.post(path, data=body, cookies=cookies, headers=headers)).status < 500


@pytest.mark.parametrize("character", ["%00", "%ED%A0%80", "%0d%0aSet-Cookie:x", "%FF", "%F4%90%80%80", "%E2%80%AE", "%5C", "%27"])
@pytest.mark.parametrize(
    "path", ["/?text=", "/account?id=", "/router/", "/case/case-0123456789ab", "/static/", "/login?token=", "//evil.example/"]
)
async def test_no_address_is_a_fault_of_ours(desk: Client, log_in: LogIn, path: str, character: str) -> None:
    cookies, _ = log_in("ada:viewer")
    reader, writer = await asyncio.open_connection(desk.host, desk.port)
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    writer.write(f"GET {path}{character} HTTP/1.1\r\nHost: 127.0.0.1:{desk.port}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n".encode())
    head = (await asyncio.wait_for(reader.read(), 20)).partition(b"\r\n\r\n")[0]
    writer.close()
    assert 200 <= int(head.split()[1]) < 500
    assert b"Set-Cookie" not in head


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/case/case-1", 404),
        ("/case/case-0123456789ab", 404),
        ("/case/%2e%2e%2fetc", 404),
        ("/case/case-' OR 1=1--", 404),
        ("/router/zz", 404),
        ("/router/00000000000000ff", 404),
        ("/account", 404),
        ("/account?id=nobody", 404),
        ("/account?id=" + "x" * 600, 404),
        ("/static/app.py", 404),
        ("/static/..%2fapp.py", 404),
    ],
)
async def test_an_id_that_is_none_is_not_found(desk: Client, log_in: LogIn, path: str, status: int) -> None:
    cookies, _ = log_in("ada:viewer")
    assert (await desk.get(path, cookies=cookies)).status == status


@pytest.mark.parametrize("query", ["sort=;DROP", "state=%27", "severity=x&behaviour=y", "text=%25%28x%29s", "text=%27%3B--", "page=-1"])
async def test_a_filter_that_is_none_is_not_used(desk: Client, make_case: MakeCase, log_in: LogIn, query: str) -> None:
    make_case()
    cookies, _ = log_in("ada:viewer")
    assert (await desk.get(f"/?{query}", cookies=cookies)).status == 200


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"kind": "nonsense"},
        {"kind": "status", "value": "<b>"},
        {"kind": "label", "value": "guilty"},
        {"kind": "label", "value": "benign"},
        {"kind": "comment", "note": ""},
        {"kind": "comment", "note": "x" * 2001},
        {"kind": "exclude", "reason": "education"},
        {"kind": "exclude", "reason": "education", "account": "stranger"},
        {"kind": "exclude", "account": "ada"},
        {"kind": "split", "value": "router:nowhere"},
        {"kind": "merge", "value": "case-nowhere"},
        {"kind": "propose", "measure": "explode", "days": "7", "note": "x"},
        {"kind": "propose", "measure": "rate_cap", "rate": "nan", "days": "7", "note": "x"},
        {"kind": "propose", "measure": "rate_cap", "rate": "60", "days": "1000", "note": "x"},
        {"kind": "propose", "measure": "ban", "days": "seven", "note": "x"},
        {"kind": "propose", "measure": "ban", "days": "7", "note": ""},
        {"kind": "approve", "value": "nothing"},
        {"kind": "undo", "value": "nothing"},
    ],
)
async def test_a_form_that_makes_no_sense_is_refused_and_sends_nothing(
    desk: Client, make_case: MakeCase, log_in: LogIn, store: Any, form: dict[str, str]
) -> None:
    status, _ = await act(desk, make_case(), log_in("ada:approver"), **form)
    assert status in (400, 404)
    assert store.sent == []


# -- what people do


@pytest.mark.parametrize("kind", ["own", "comment", "label", "propose", "undo"])
async def test_a_viewer_changes_nothing(desk: Client, make_case: MakeCase, log_in: LogIn, store: Any, kind: str) -> None:
    assert (await act(desk, make_case(), log_in("vic:viewer"), kind=kind, note="x", value="benign"))[0] == 403
    assert store.sent == []


async def test_what_is_done_names_who_and_when_and_is_shown(desk: Client, make_case: MakeCase, log_in: LogIn, store: Any) -> None:
    case, login = make_case(), log_in("ada:analyst")
    assert (await act(desk, case, login, kind="own"))[0] == 303
    assert (await act(desk, case, login, kind="status", value="investigating"))[0] == 303
    assert (await act(desk, case, login, kind="comment", note="asked the account manager"))[0] == 303
    assert [(action.kind, action.author, action.role, action.case_id) for action in store.sent] == [
        (kind, "ada", "analyst", case.case_id) for kind in ("own", "status", "comment")
    ]
    page = await text_of(desk, f"/case/{case.case_id}", login[0])
    assert "asked the account manager" in page
    assert "<dt>Owner</dt><dd>ada</dd><dt>Status</dt><dd>investigating</dd>" in page
    assert case.case_id in await text_of(desk, "/?owner=mine", login[0])
    assert case.case_id not in await text_of(desk, "/?owner=unowned", login[0])
    assert case.case_id in await text_of(desk, "/?status=investigating", login[0])


async def test_a_label_is_a_label_and_an_action(desk: Client, make_case: MakeCase, log_in: LogIn, store: Any) -> None:
    case = make_case()
    assert (await act(desk, case, log_in("ada:analyst"), kind="label", value="benign", reason="education", note="a course"))[0] == 303
    label, action = store.sent
    assert isinstance(label, Label)
    assert (label.entity_id, label.verdict, label.reason, label.author) == (case.case_id, "benign", "education", "ada")
    assert isinstance(action, Action)
    assert (action.kind, action.value, action.note) == ("label", "benign, education", "a course")


async def test_several_cases_are_labelled_at_once(desk: Client, make_case: MakeCase, log_in: LogIn, store: Any) -> None:
    cases, (cookies, token) = [make_case(), make_case()], log_in("ada:analyst")
    data = [("form_token", token), ("value", "distilling"), *(("case", case.case_id) for case in cases)]
    assert (await desk.post("/label", data=data, cookies=cookies, allow_redirects=False)).status == 303
    assert [label.entity_id for label in store.sent if isinstance(label, Label)] == [case.case_id for case in cases]


async def test_no_step_names_an_account_whose_key_may_be_used_by_others(
    desk: Client, make_case: MakeCase, log_in: LogIn, store: Any
) -> None:
    usual = make_case("ada", "bob", "eve", "victim")
    members = dict(usual.payload.members)
    owners = {"victim": members.pop("victim")}
    case, ada = make_case(payload=msgspec.structs.replace(usual.payload, members=members, owners=owners)), log_in("ada:analyst")
    page = await text_of(desk, f"/case/{case.case_id}", ada[0])
    apart = page.partition(terminal.OWNERS)[2]
    assert (page.count('href="/account?id=victim"'), apart.count('href="/account?id=victim"')) == (1, 1)
    assert 'value="victim"' not in page, "it cannot be chosen"
    form = {"kind": "propose", "measure": "rate_cap", "rate": "60", "days": "7", "clause": "competing-models", "note": "while we ask"}
    assert (await act(desk, case, ada, **form))[0] == 303
    assert "victim" not in store.sent[0].payload.members
    status, words = await act(desk, case, ada, **form, account="victim")
    assert (status, "not in the case" in words) == (400, True)
    assert account_view.WARNS.replace("'", "&#39;") in await text_of(desk, "/account?id=victim", ada[0])


async def test_accounts_are_excluded_with_a_reason(desk: Client, make_case: MakeCase, log_in: LogIn, store: Any) -> None:
    case = make_case("ada", "bob", "eve")
    assert (await act(desk, case, log_in("ada:analyst"), kind="exclude", account=["bob"], reason="education"))[0] == 303
    label, action = store.sent
    assert (label.entity_kind, label.entity_id, label.verdict) == ("member", f"{case.case_id}/account:bob", "exclude")
    assert action.account_id == "bob"


async def test_who_did_it_can_undo_it_once_and_others_cannot(desk: Client, make_case: MakeCase, log_in: LogIn, store: Any) -> None:
    case, ada = make_case(), log_in("ada:analyst")
    await act(desk, case, ada, kind="label", value="distilling")
    action_id = store.sent[-1].action_id
    assert (await act(desk, case, log_in("bob:approver"), kind="undo", value=action_id))[0] == 400
    assert (await act(desk, case, ada, kind="undo", value=action_id))[0] == 303
    assert (store.sent[-1].verdict, store.sent[-1].label_id) == ("withdrawn", store.sent[0].label_id)
    assert (await act(desk, case, ada, kind="undo", value=action_id))[0] == 400


async def test_a_step_is_proposed_approved_and_undone(desk: Client, make_case: MakeCase, log_in: LogIn, store: Any) -> None:
    case, ada, bob = make_case(), log_in("ada:analyst"), log_in("bob:approver")
    form = {"kind": "propose", "measure": "rate_cap", "rate": "60", "days": "7", "clause": "competing-models", "note": "while we ask"}
    assert (await act(desk, case, ada, **form))[0] == 303
    decision = store.sent[0]
    assert isinstance(decision, EnforcementDecision)
    assert (decision.state, decision.step, decision.rate, list(decision.payload.members)) == ("proposed", "L1", 60.0, ["ada", "bob", "eve"])
    assert not decision.in_force(decision.starts + 1)
    assert (await act(desk, case, ada, kind="approve", value=decision.decision_id))[0] == 400, "an analyst does not approve"
    assert (await act(desk, case, bob, kind="approve", value=decision.decision_id))[0] == 303
    approved = next(record for record in store.sent[::-1] if isinstance(record, EnforcementDecision))
    assert (approved.state, approved.author, approved.approver) == ("approved", "ada", "bob")
    assert approved.in_force(approved.starts + 1)
    assert not approved.in_force(approved.expires)
    proposed = next(record for record in store.sent if isinstance(record, Action))
    assert (await act(desk, case, bob, kind="undo", value=proposed.action_id))[0] == 303
    assert store.sent[-1].state == "undone"


@pytest.mark.parametrize("measure", ["suspend_key", "ban"])
async def test_from_l3_on_nobody_approves_their_own_step(
    desk: Client, make_case: MakeCase, log_in: LogIn, store: Any, measure: str
) -> None:
    case, bob = make_case(), log_in("bob:approver")
    await act(desk, case, bob, kind="propose", measure=measure, days="7", note="severe")
    decision_id = store.sent[0].decision_id
    status, says = await act(desk, case, bob, kind="approve", value=decision_id)
    assert status == 400
    assert "is approved by another person than its author" in says
    assert (await act(desk, case, log_in("eve:approver"), kind="approve", value=decision_id))[0] == 303


async def test_two_analysts_see_what_the_other_did_at_once(desk: Client, make_case: MakeCase, log_in: LogIn) -> None:
    case, ada, bob = make_case(), log_in("ada:analyst"), log_in("bob:analyst")
    await act(desk, case, ada, kind="own")
    await act(desk, case, bob, kind="comment", note="I saw this in March")
    page = await text_of(desk, f"/case/{case.case_id}", ada[0])
    assert "I saw this in March" in page
    assert "<dd>ada</dd>" in await text_of(desk, f"/case/{case.case_id}", bob[0])


# -- the queue


async def test_a_case_is_found_by_what_is_in_it(desk: Client, make_case: MakeCase, log_in: LogIn) -> None:
    case, (cookies, _) = make_case("zebra-7", "ada"), log_in("ada:viewer")
    for text in ("zebra-7", case.case_id, case.case_id.removeprefix("case-"), "00000000000000aa"):
        assert case.case_id in await text_of(desk, f"/?text={text}&sort=opened", cookies)
    assert case.case_id not in await text_of(desk, "/?text=zebra-8", cookies)


async def test_a_case_is_marked_as_changed_until_it_was_looked_at(desk: Client, make_case: MakeCase, log_in: LogIn) -> None:
    case, (cookies, _) = make_case(), log_in("fresh:viewer")
    assert case.case_id in await text_of(desk, f"/?changed=1&text={case.case_id}", cookies)
    await text_of(desk, f"/case/{case.case_id}", cookies)
    assert case.case_id not in await text_of(desk, "/?changed=1", cookies)


async def test_a_score_is_the_sum_of_what_counts_and_what_does_not_is_grey_and_says_why(
    desk: Client, log_in: LogIn, make_case: MakeCase
) -> None:
    parts = [
        Contribution("client", 8.0, 7.0, "counts 7 at most"),
        Contribution("content", 5.0, 3.0, ""),
        Contribution("timing", 2.0, 0.0, "is new"),
    ]
    score = Score("account:ada", 10.0, parts, "high", None, "About 1 in 2,000 ordinary groups looks like this.")
    case = make_case(payload=msgspec.structs.replace(make_case().payload, score=score), extraction=10.0)
    text = await text_of(desk, f"/case/{case.case_id}", log_in("ada:viewer")[0])
    table = re.search(r'<table class="parts">.*?</table>', text, re.DOTALL)
    assert table is not None
    rows = re.findall(
        r"<tr(?: class=\"(\w+)\")?><th scope=\"row\">(\w+)</th>.*?<td class=\"n\">([^<]*)</td>.*?<td class=\"why\">([^<]*)</td>", table[0]
    )
    assert rows == [
        ("", "client", "+7.0", "counts 7 at most"),
        ("", "content", "+3.0", ""),
        ("grey", "timing", "0", "is new"),
        ("", "score", "10.0", "that of account:ada"),
    ]
    assert "About 1 in 2,000 ordinary groups looks like this." in text


async def test_a_case_of_ten_thousand_listed_accounts_opens_page_by_page(desk: Client, make_case: MakeCase, log_in: LogIn) -> None:
    case, (cookies, _) = make_case(*(f"acct-{number:05d}" for number in range(10_000))), log_in("ada:analyst")
    first = await text_of(desk, f"/case/{case.case_id}", cookies)
    assert "page 1 of 400, 10,000 accounts listed" in first
    assert len(first) < 400_000
    assert "acct-09999" in await text_of(desk, f"/case/{case.case_id}?page=400", cookies)
