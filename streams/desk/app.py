"""The desk as an aiohttp application: pages from templates, forms that become signed records, and what keeps strangers out.

Every request names one of our hosts; a form comes from our own origin and carries its session's token; a page loads nothing from
elsewhere and runs no inline script. ClickHouse and Kafka clients block, so they run in threads.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import jinja2
from aiohttp import web
from multidict import MultiDictProxy

from streams.cases import timeline
from streams.cases.hypothesis import WORDS
from streams.cases.views import terminal
from streams.cases.views.terminal import UnknownCaseError
from streams.core import moments
from streams.core.errors import BrokerUnavailableError, HydrometerError, MalformedEventError, StoreUnavailableError
from streams.desk import account_view, pictures
from streams.desk.acting import Outbox
from streams.desk.deeds import DEEDS, Wish, label_case, require, undoable
from streams.desk.oidc_login import CALLBACK, LOGIN_SECONDS, LoginError, OidcLogin
from streams.desk.queries import PATTERN_HOURS, SORTS, DeskQueries, Filters
from streams.desk.sessions import Person, Role, Session, Sessions, same
from streams.intake import bodies
from streams.schema.actions import FOUR_EYES, MEASURES, STATUSES, STEP_OF
from streams.schema.cases import SEVERITIES
from streams.schema.labels import REASONS, VERDICTS
from streams.schema.names import ROUTER_ID, AlertName, entity_key

COOKIE: Final = "hydrometer_desk"
"""Behind TLS its name begins with `__Host-`: no other host of the domain can set it, and so log a browser in as another person."""
LOGIN_COOKIE: Final = "hydrometer_desk_login"
"""While a person is at the provider: which login this browser began."""
START: Final = "/login/start"
_OPEN_PATHS: Final = frozenset({"/login", START, CALLBACK, "/healthz"})
MAX_FORM_BYTES: Final = 2 * 1024 * 1024
MAX_PAGE_MEMBERS: Final = 25
MAX_LABELLED_CASES: Final = 200
_CASE_ID: Final = re.compile(r"case-[0-9a-f]{12}")
_STATIC: Final = {"desk.css": "text/css", "desk.js": "text/javascript"}
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_SESSION: Final = web.RequestKey("session", Session)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
T = TypeVar("T")


class Desk:
    """The application's routes, and what they share."""

    def __init__(
        self, reading: DeskQueries, outbox: Outbox, sessions: Sessions, origins: frozenset[str], provider: OidcLogin | None = None
    ) -> None:
        """Serve under these origins (`http://127.0.0.1:8700`), which name every host that is answered. provider: where people log in."""
        self._provider = provider
        self._reading = reading
        self._outbox = outbox
        self._sessions = sessions
        self._origins = origins
        self._hosts = {origin.partition("://")[2] for origin in origins}
        self._secure = all(origin.startswith("https://") for origin in origins)
        self._cookie = f"__Host-{COOKIE}" if self._secure else COOKIE
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("streams.desk"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"moment": moments.shown, "thousands": lambda value: f"{value:,.0f}"}
        self._templates.globals |= {"bar": pictures.bar, "words": WORDS}

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application(client_max_size=MAX_FORM_BYTES, middlewares=[self._guarded])
        app.router.add_get("/", self._queue)
        app.router.add_get("/login", self._login_page)
        app.router.add_post("/login", self._log_in)
        if self._provider is not None:
            app.router.add_get(START, partial(self._begin_login, self._provider))
            app.router.add_get(CALLBACK, partial(self._finish_login, self._provider))
        app.router.add_post("/logout", self._log_out)
        app.router.add_post("/label", self._label_many)
        app.router.add_get("/case/{case}", self._case)
        app.router.add_get("/case/{case}/version", self._version)
        app.router.add_post("/case/{case}/act", self._act)
        app.router.add_get("/account", self._account)
        app.router.add_get("/router/{router}", self._router)
        app.router.add_get("/static/{name}", self._static)
        app.router.add_get("/healthz", self._health)
        return app

    # -- who may come in

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse foreign hosts and origins, find the session, and put the headers on every answer."""
        try:
            response = await self._answered(request, handler)
        except web.HTTPException as error:
            if error.status < 400 or request.path.endswith("/version"):  # noqa: PLR2004 (HTTP's first error)
                error.headers.update(_HEADERS)
                raise
            response = self._refused(request, error.status, error.text or error.reason)
        except UnknownCaseError as error:
            response = self._refused(request, 404, str(error))
        except MalformedEventError as error:
            response = self._refused(request, 400, str(error))
        except (StoreUnavailableError, BrokerUnavailableError) as error:
            response = self._refused(request, 503, str(error))
        except HydrometerError as error:
            response = self._refused(request, 400, str(error))
        response.headers.update(_HEADERS)
        return response

    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.get("Host", "") not in self._hosts:
            raise web.HTTPMisdirectedRequest(text="this host is not one of the desk's: open the address that `hydrometer desk` prints")
        if request.method == "POST":
            self._check_origin(request)
            bodies.check(request, {bodies.FORM})
        session = self._sessions.of(request.cookies.get(self._cookie, ""))
        if session is not None:
            request[_SESSION] = session
        if request.path in _OPEN_PATHS or request.path.startswith("/static/"):
            return await handler(request)
        if session is None:
            raise web.HTTPUnauthorized(text="you are not logged in, or your session has ended: ask for a new link from `hydrometer desk`")
        if request.method == "POST":
            form = await _form(request)
            if not same(str(form.get("form_token", "")), session.form_token):
                raise web.HTTPForbidden(text="this form is not of your session: go back, reload the page, and send it again")
        return await handler(request)

    def _check_origin(self, request: web.Request) -> None:
        """Raise HTTPForbidden unless a form was sent from one of our own pages."""
        origin = request.headers.get("Origin")
        ours = origin in self._origins if origin else request.headers.get("Sec-Fetch-Site") == "same-origin"
        if not ours:
            raise web.HTTPForbidden(text="this form was sent from another site: nothing was done")

    @staticmethod
    def _person(request: web.Request, role: Role = "viewer") -> Person:
        """Return who asks. Raises HTTPForbidden when they may not do what this role may."""
        person = request[_SESSION].person
        if not person.may(role):
            raise web.HTTPForbidden(text=f"your role is {person.role}: this takes the role {role}")
        return person

    # -- pages

    def _page(self, request: web.Request, template: str, http_status: int = 200, **values: Any) -> web.Response:
        session = request.get(_SESSION)
        shared = {"me": session.person if session else None, "form_token": session.form_token if session else "", "path": request.path}
        text = self._templates.get_template(template).render({**shared, "said": session.take_summary() if session else "", **values})
        return web.Response(text=text, content_type="text/html", charset="utf-8", status=http_status)

    def _refused(self, request: web.Request, status: int, reason: str) -> web.Response:
        return self._page(request, "error.html", status, title="Not done" if request.method == "POST" else "Not shown", reason=reason)

    async def _login_page(self, request: web.Request) -> web.Response:
        token = request.query.get("token", "")
        person = self._sessions.invited(token)
        return self._page(request, "login.html", token=token, person=person, start=START if self._provider is not None else "")

    async def _log_in(self, request: web.Request) -> web.Response:
        form = await _form(request)
        name = self._sessions.log_in(str(form.get("token", "")))
        if name is None:
            raise web.HTTPUnauthorized(text="this link was used, or is older than ten minutes: ask for a new one")
        return self._logged_in(name)

    def _logged_in(self, name: str) -> web.HTTPSeeOther:
        answer = web.HTTPSeeOther("/", headers=_HEADERS)
        answer.set_cookie(self._cookie, name, httponly=True, samesite="Lax", secure=self._secure, path="/")
        return answer

    async def _begin_login(self, provider: OidcLogin, _request: web.Request) -> web.Response:
        address, state = provider.begin()
        answer = web.HTTPSeeOther(address, headers=_HEADERS)
        answer.set_cookie(
            LOGIN_COOKIE, state, httponly=True, samesite="Lax", secure=self._secure, path=CALLBACK, max_age=int(LOGIN_SECONDS)
        )
        return answer

    async def _finish_login(self, provider: OidcLogin, request: web.Request) -> web.Response:
        try:
            person = await _in_thread(provider.finish, dict(request.query), request.cookies.get(LOGIN_COOKIE, ""))
        except LoginError as error:
            raise web.HTTPForbidden(text=str(error)) from error
        answer = self._logged_in(self._sessions.begin(person))
        answer.del_cookie(LOGIN_COOKIE, path=CALLBACK)
        return answer

    async def _log_out(self, request: web.Request) -> web.Response:
        self._sessions.log_out(request.cookies.get(self._cookie, ""))
        answer = web.HTTPSeeOther("/login", headers=_HEADERS)
        answer.del_cookie(self._cookie, path="/", secure=self._secure)
        return answer

    async def _queue(self, request: web.Request) -> web.Response:
        session = request[_SESSION]
        filters = _filters(request.query)
        lines, total = await _in_thread(self._reading.queue, filters, session.person.name, session.looked)
        return self._page(
            request,
            "queue.html",
            lines=lines,
            total=total,
            filters=filters,
            sorts=SORTS,
            severities=SEVERITIES[::-1],
            statuses=STATUSES,
            reasons=REASONS,
            verdicts=VERDICTS,
        )

    async def _case(self, request: web.Request) -> web.Response:
        session, page = request[_SESSION], _page_number(request.query.get("page", "1"))
        row = await _in_thread(self._reading.case, _case_id(request))
        actions = await _in_thread(partial(self._reading.actions, case=row.case_id))
        decisions = await _in_thread(partial(self._reading.decisions, case=row.case_id))
        owner, status = (await _in_thread(self._reading.work)).get(row.case_id, ("", "new"))
        ranked, owners = terminal.members(row), terminal.owners(row.payload)
        pattern = await _in_thread(self._reading.pattern, [name for name, _ in ranked])
        session.looked[row.case_id] = row.version
        chain = timeline.timeline(row, actions)
        score = row.payload.score
        most = max([abs(part.counted) for part in score.parts], default=1.0) or 1.0
        return self._page(
            request,
            "case.html",
            case=row,
            payload=row.payload,
            owner=owner,
            status=status,
            activity=[(action, undoable(action, actions, decisions, session.person)) for action in reversed(actions)],
            decisions=decisions,
            timeline=chain if timeline.has_exhibits(chain) else [],
            members=ranked[(page - 1) * MAX_PAGE_MEMBERS : page * MAX_PAGE_MEMBERS],
            member_count=len(ranked),
            page=page,
            pages=max(-(-len(ranked) // MAX_PAGE_MEMBERS), 1),
            scored=terminal.scored(row),
            largest_part=most,
            links=[(link, AlertName.parse(link.entity).key, terminal.joined_by(link)) for link in row.payload.links],
            checks=sorted(row.payload.counter_evidence, key=lambda check: list(WORDS).index(check.fits)),
            joins=pictures.joins(row.payload.members),
            graph=pictures.graph(row.payload, ranked),
            pattern=pictures.pattern(*pattern, PATTERN_HOURS),
            statuses=STATUSES,
            verdicts=VERDICTS,
            reasons=REASONS,
            measures=[(measure, STEP_OF[measure]) for measure in MEASURES],
            four_eyes=FOUR_EYES,
            unlisted=terminal.unlisted(row),
            owners_heading=terminal.OWNERS,
            owners_why=terminal.OWNERS_WHY,
            owners=owners[:MAX_PAGE_MEMBERS],
            unshown_owners=max(len(owners) - MAX_PAGE_MEMBERS, 0) + row.payload.owners_left_out,
        )

    async def _version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": await _in_thread(self._reading.version, _case_id(request))})

    async def _account(self, request: web.Request) -> web.Response:
        name = request.query.get("id", "")
        if not 0 < len(name) <= 512:  # noqa: PLR2004 (longer ids are refused at the door)
            raise web.HTTPNotFound(text="no account is named: search for one in the queue")
        view = await _in_thread(account_view.read, self._reading, name)
        if view is None:
            raise web.HTTPNotFound(text=f"nothing is stored about the account {name[:80]}")
        pattern = await _in_thread(self._reading.pattern, [name])
        return self._page(
            request,
            "account.html",
            view=view,
            warns_words=account_view.WARNS,
            evidence=pictures.curve(
                [(score.time.timestamp(), max(score.extraction, 0.0)) for score in view.scores], "Nats of extraction by itself"
            ),
            pattern=pictures.pattern(*pattern, PATTERN_HOURS),
        )

    async def _router(self, request: web.Request) -> web.Response:
        name = request.match_info["router"]
        if not ROUTER_ID.fullmatch(name):
            raise web.HTTPNotFound(text="a router is 16 hexadecimal digits")
        facts = await _in_thread(self._reading.facts, "router", name)
        cases = await _in_thread(self._reading.cases_about, entity_key("router", name))
        if facts is None and not cases:
            raise web.HTTPNotFound(text=f"nothing is stored about the router {name}")
        scores = await _in_thread(self._reading.scores, "router", name)
        routing = pictures.curve([(at.timestamp(), max(nats, 0.0)) for at, _, nats in scores], "Nats of routing")
        pattern = await _in_thread(self._reading.pattern, facts.members if facts else [])
        newest = scores[-1] if scores else None
        return self._page(
            request, "router.html", name=name, facts=facts, cases=cases, evidence=routing, newest=newest,
            pattern=pictures.pattern(*pattern, PATTERN_HOURS),
        )  # fmt: skip

    async def _static(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in _STATIC:
            raise web.HTTPNotFound(text="no such file")
        path = Path(__file__).with_name("static") / name
        return web.Response(text=await _in_thread(partial(path.read_text, encoding="utf-8")), content_type=_STATIC[name], charset="utf-8")

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    # -- what people do

    async def _act(self, request: web.Request) -> web.Response:
        case_id, form = _case_id(request), await _form(request)
        person, kind = self._person(request, "analyst"), str(form.get("kind", ""))
        if kind not in DEEDS:
            raise web.HTTPBadRequest(text=f"the desk cannot do {kind[:40]!r}")
        row = await _in_thread(self._reading.case, case_id)
        texts = {name: value for name, value in form.items() if isinstance(value, str)}
        wish = Wish(row, person, texts, [str(name) for name in form.getall("account", [])], self._reading)
        done = await _in_thread(DEEDS[kind], wish)
        self._reading.recent.add(await _in_thread(self._outbox.send, done.records))
        request[_SESSION].summary = done.summary
        raise web.HTTPSeeOther(f"/case/{row.case_id}", headers=_HEADERS)

    async def _label_many(self, request: web.Request) -> web.Response:
        person, form = self._person(request, "analyst"), await _form(request)
        cases = [str(name) for name in form.getall("case", [])]
        require(0 < len(cases) <= MAX_LABELLED_CASES, f"choose 1 to {MAX_LABELLED_CASES} cases")
        require(all(_CASE_ID.fullmatch(name) for name in cases), "a case is case- and 12 hexadecimal digits")
        verdict, reason, note = (str(form.get(name, "")).strip() for name in ("value", "reason", "note"))
        records = [record for case_id in cases for record in label_case(person, case_id, verdict, reason, note).records]
        self._reading.recent.add(await _in_thread(self._outbox.send, records))
        request[_SESSION].summary = f"{len(cases)} cases labelled {verdict}"
        raise web.HTTPSeeOther("/", headers=_HEADERS)


async def _form(request: web.Request) -> MultiDictProxy[str | bytes | bytearray | web.FileField]:
    """Return the fields of a form. Raises HTTPBadRequest when its text is not of the charset that it names, or that is unknown."""
    try:
        return await request.post()
    except (LookupError, ValueError) as error:
        raise web.HTTPBadRequest(text="this form is not UTF-8: nothing was done") from error


def _filters(query: Mapping[str, str]) -> Filters:
    """Return the queue's filters from a query string; what is not a choice counts as not given."""

    def choice(name: str, *choices: str) -> str:
        return value if (value := query.get(name, "")) in choices else ""

    return Filters(
        text=query.get("text", "").strip()[:200],
        behaviour=choice("behaviour", "extraction", "routing"),
        severity=choice("severity", *SEVERITIES),
        status=choice("status", *STATUSES),
        owner=choice("owner", "mine", "unowned"),
        state=choice("state", "resolved", "all") or "open",
        changed=query.get("changed") == "1",
        sort=choice("sort", *SORTS) or "evidence",
    )


def _case_id(request: web.Request) -> str:
    name = request.match_info["case"]
    if not _CASE_ID.fullmatch(name):
        raise web.HTTPNotFound(text="a case is case- and 12 hexadecimal digits")
    return name


def _page_number(text: str) -> int:
    return min(int(text), 1000) if text.isascii() and text.isdigit() and len(text) < 5 and int(text) else 1  # noqa: PLR2004 (1000 has four)


async def _in_thread(work: Callable[..., T], *arguments: Any) -> T:
    return await asyncio.to_thread(work, *arguments)
