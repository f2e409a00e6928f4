"""Programs of the evaluation's traffic beyond the common ones: editors, gateways, aggregators, relays; other ones when held out."""

from __future__ import annotations

from random import Random

from streams.demo.stacks import ANTHROPIC_PYTHON, CHROME, CURL, FIREFOX, GO, JAVA, OPENAI_NODE, OPENAI_PYTHON, PHONE, Stack

_RELAYED = "X-Stainless-Lang X-Stainless-Package-Version X-Stainless-OS X-Stainless-Arch X-Stainless-Runtime X-Stainless-Runtime-Version"


def _of(name: str, ja4: str, http: str, agent: str, headers: str, encoding: str | None, *sdk: str) -> Stack:
    language, version, runtime = (*sdk, None, None, None)[:3]
    return Stack(name, ja4, http, agent, headers, encoding, language, version, runtime)


LIBRARIES = (
    OPENAI_PYTHON,
    OPENAI_PYTHON.at("1.86.0", "CPython 3.10.14"),
    OPENAI_PYTHON.at("2.1.0", "CPython 3.13.1"),
    ANTHROPIC_PYTHON,
    OPENAI_NODE,
    OPENAI_NODE.at("4.104.0", "node v20.18.0"),
    GO,
    JAVA,
    CURL,
)
BROWSERS = (CHROME, CHROME.at("139.0"), CHROME.at("141.0"), FIREFOX, PHONE)
PEOPLE = BROWSERS * 4 + LIBRARIES

_CLI = _of(
    "terminal agent",
    "t13d5912h1",
    "1.1",
    "codewright/2.4.0 (external, cli)",
    f"Accept {_RELAYED} x-app beta-features User-Agent content-type accept-language sec-fetch-mode accept-encoding",
    "br, gzip, deflate",
    "js",
    "2.4.0",
    "node v22.11.0",
)
TERMINAL_AGENT = (_CLI, _CLI.at("2.3.8", "node v22.9.0"), _CLI.at("2.4.1", "node v24.1.0"))
_IDE = _of(
    "editor plugin",
    "t13d1517h2",
    "2",
    "InlineHints/3.1.0 vscode/1.104",
    "content-type user-agent x-editor-version x-plugin-version accept accept-encoding",
    "gzip, deflate, br",
    "ts",
    "3.1.0",
    "electron 37",
)
EDITOR_PLUGIN = (_IDE, _IDE.at("3.0.4", "electron 36"), _IDE.at("3.2.0", "electron 38"))
NEW_PLUGIN = (
    _of(
        "new editor plugin",
        "t13d1012h2",
        "2",
        "kaleido-nvim/0.2.1",
        "accept user-agent content-type x-session accept-encoding",
        "gzip",
        "rust",
        "0.2.1",
        "reqwest 0.12",
    ),
)
COMPANY_GATEWAY = (
    _of(
        "company gateway",
        "t13d1713h1",
        "1.1",
        "model-gateway/1.75.3",
        "Accept Accept-Encoding Connection User-Agent Content-Type x-request-id x-team",
        "gzip, deflate, zstd",
        "python",
        "1.75.3",
    ),
)
AGGREGATOR = (
    _of("aggregator", "t13d1311h2", "2", "modelmall/9", "Content-Type HTTP-Referer X-Title User-Agent Accept-Encoding", "gzip", "go", "9"),
)
BOT_KIT = (
    _of("bot kit", "t13d3912h1", "1.1", "botsmith/1.4", "user-agent content-type accept connection x-bot", "gzip", "php", "1.4", "php 8.3"),
)
STARTER_KIT = (OPENAI_NODE.at("5.12.0", "node v22.17.0"),)

_RELAY = _of(
    "relay",
    "t13d5110h1",
    "1.1",
    "codewright/2.4.0 (external, cli)",
    f"content-type {_RELAYED.lower()} x-app beta-features user-agent accept-encoding connection",
    "identity",
    "js",
    "2.4.0",
    "node v20.18.0",
)
RELAY = tuple(_RELAY.at(f"2.{minor}.{minor % 3}", f"node v{18 + 2 * (minor % 4)}.0.0") for minor in range(8))
_SHOP = _of(
    "reseller's relay",
    "t13d1713h2",
    "2",
    "chatproxy/0.9",
    "accept content-type user-agent x-forwarded-proto accept-encoding",
    "gzip, identity",
    "go",
    "0.9",
    "go1.23",
)
SHOP = tuple(_SHOP.at(f"0.{minor}", f"go1.2{minor % 4}") for minor in range(4, 12))


def relay(campaign: str) -> tuple[Stack, ...]:
    """Return the relay of a campaign, its own: transport, header order and body shape follow from the name."""
    rng = Random(campaign)
    ja4, http, encoding = rng.choice(
        [
            ("t13d4909h1", "1.1", "identity"),
            ("t13d2613h2", "2", "gzip, deflate, br"),
            ("t13d1516h2", "2", "gzip, deflate, br, zstd"),
            ("t13d1411h1", "1.1", "gzip, deflate"),
            ("t13d1311h2", "2", "gzip"),
        ]
    )
    headers = ["accept", "content-type", "user-agent", "accept-encoding", "connection", *rng.sample(_EXTRA, 2)]
    rng.shuffle(headers)
    language, agent = rng.choice(
        [("js", "OpenAI/JS 5.9.0"), ("python", "python-requests/2.32"), ("go", "Go-http-client/2.0"), ("rust", "reqwest/0.12")]
    )
    return (_of(campaign, ja4, http, agent, " ".join(headers), encoding, language, agent.rpartition("/")[2]),)


_EXTRA = ("x-run", "x-batch", "x-stainless-lang", "accept-language", "x-request-id", "cache-control", "x-job", "te")
PUBLIC = (OPENAI_PYTHON, ANTHROPIC_PYTHON, OPENAI_NODE, GO, JAVA, CURL, OPENAI_PYTHON.at("2.1.0", "CPython 3.13.1"))
