"""Walk the desk in Chromium, and print what was seen as JSON: run by path, in an environment that has Playwright.

Standard input is the plan. Two people have a browser each; nothing here judges what it sees.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TypedDict

from playwright.sync_api import Browser, Page, sync_playwright

WIDTHS = {"wide": {"width": 1280, "height": 800}, "narrow": {"width": 390, "height": 844}}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PATIENCE_MS = 60_000


class Plan(TypedDict):
    """What to walk."""

    origin: str
    links: dict[str, str]
    """One-time link by person."""
    case: str
    large: str
    """A case of many members."""
    chromium: str
    axe: str
    """A file of axe-core; empty for none."""


class Large(TypedDict):
    """How a case of many members opens."""

    seconds: float
    rows: int
    text: str


class Seen(TypedDict):
    """What was seen."""

    violations: dict[str, list[str]]
    """What axe found, by page."""
    widths: dict[str, int]
    """Pixels by which a page is wider than its window."""
    letters: dict[str, float]
    """Height of the smallest letters in a page's pictures, in pixels; 0 without any."""
    keys: dict[str, str | bool]
    together: dict[str, bool]
    lost: list[bool]
    large: Large
    errors: list[str]


def main() -> None:
    plan: Plan = json.load(sys.stdin)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=plan["chromium"], args=["--no-sandbox"])
        json.dump(walked(browser, plan), sys.stdout)
        browser.close()


def walked(browser: Browser, plan: Plan) -> Seen:
    """Return what was seen."""
    axe = Path(plan["axe"]).read_text(encoding="utf-8") if plan["axe"] else ""
    errors: list[str] = []
    ada, bob = (page_of(browser, errors) for _ in range(2))
    seen = Seen(
        violations={}, widths={}, letters={}, keys={}, together={}, lost=[], large=Large(seconds=0.0, rows=0, text=""), errors=errors
    )
    ada.goto(plan["links"]["ada"])
    check(ada, "login", axe, seen)
    for page, person in ((ada, "ada"), (bob, "bob")):
        page.goto(plan["links"][person])
        page.click("button.main")
    paths = {"queue": "/", "case": f"/case/{plan['case']}", "account": "/account?id=ada", "router": "/router/00000000000000aa"}
    for name, path in paths.items():
        for width, size in WIDTHS.items():
            ada.set_viewport_size(size)
            ada.goto(plan["origin"] + path)
            check(ada, f"{name}, {width}", axe, seen)
    ada.set_viewport_size(WIDTHS["wide"])
    seen["keys"] = keys(ada, plan["origin"])
    seen["together"] = together(ada, bob, plan["origin"] + paths["case"])
    seen["lost"] = lost(ada)
    seen["large"] = large(ada, plan["origin"], plan["large"])
    check(ada, "large case", axe, seen)
    return seen


def page_of(browser: Browser, errors: list[str]) -> Page:
    """Return a page of a browser of its own; what goes wrong in it is noted."""
    page = browser.new_context(viewport=WIDTHS["wide"], bypass_csp=True).new_page()  # axe is injected
    page.set_default_timeout(PATIENCE_MS)
    page.on("pageerror", lambda error: errors.append(str(error)))
    return page


def check(page: Page, name: str, axe: str, seen: Seen) -> None:
    """Note axe's violations of a page, and how much wider than the window it is."""
    seen["widths"][name] = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    heights = "[...document.querySelectorAll('svg text')].map(text => text.getBoundingClientRect().height)"
    seen["letters"][name] = page.evaluate(f"{heights}.reduce((one, other) => Math.min(one, other), 99) % 99")
    if axe:
        page.evaluate(f"{axe}; 0")
        run = f"axe.run(document, {{runOnly: {json.dumps(RULES)}}})"
        found = f"violation => violation.id + ': ' + violation.nodes.map(node => node.target).join(' ')"  # noqa: F541
        seen["violations"][name] = page.evaluate(f"{run}.then(result => result.violations.map({found}))")


def keys(page: Page, origin: str) -> dict[str, str | bool]:
    """Return what keys alone do in the queue: help, search, go to a case and open it."""
    page.goto(origin)
    page.keyboard.press("?")
    shown = page.locator("#help").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    focused = page.evaluate("document.activeElement.id")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/case/**")
    return {"help": shown, "search": focused, "opened": page.url.removeprefix(origin).split("/")[1]}


def together(ada: Page, bob: Page, case: str) -> dict[str, bool]:
    """Return what each of two people sees of what the other does on the same case."""
    for page in (ada, bob):
        page.goto(case)
    ada.click("#own")
    bob.fill("#comment", "I saw this in March")
    bob.click("button:has-text('Comment')")
    for page in (ada, bob):
        page.goto(case)
    return {"comment": "I saw this in March" in ada.inner_text("main"), "owner": "ada" in bob.inner_text(".side")}


def lost(page: Page) -> list[bool]:
    """Return whether the page says that the connection is lost: before, without a network, and after it is back."""
    said = [page.locator("#lost").is_visible()]
    page.context.set_offline(True)
    page.wait_for_selector("#lost", state="visible")
    said.append(True)
    page.context.set_offline(False)
    page.wait_for_selector("#lost", state="hidden")
    return [*said, False]


def large(page: Page, origin: str, case: str) -> Large:
    """Return how a case of many members opens."""
    began = time.monotonic()
    page.goto(f"{origin}/case/{case}")
    seconds = time.monotonic() - began
    return {"seconds": seconds, "rows": page.locator("#members tbody tr").count(), "text": page.inner_text("#members")}


main()
