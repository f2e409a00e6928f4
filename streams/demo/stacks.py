"""Clients as a provider's edge sees them: TLS hello, HTTP version, headers and their order, body shape, SDK.

The orders and encodings follow how such libraries send requests; hashes, addresses and network numbers are made up
(private and documentation ranges), so that nobody is named.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np


def digest(*words: object, size: int = 6) -> str:
    """Return a stable made-up hash of some words: 2 x `size` hexadecimal digits."""
    return blake2b("|".join(map(str, words)).encode(), digest_size=size).hexdigest()


@dataclass(frozen=True, slots=True)
class Stack:
    """One client program. `ja4` is the readable first part; the two hashes behind it are made from the name."""

    name: str
    ja4: str
    http: str
    agent: str
    headers: str
    encoding: str | None
    language: str | None = None
    version: str | None = None
    runtime: str | None = None
    shape: str | None = None

    def at(self, version: str, runtime: str | None = None) -> Stack:
        """Return the same program in another version: only its user agent and SDK fields change."""
        agent = self.agent.replace(self.version or "\0", version)
        return replace(self, version=version, runtime=runtime or self.runtime, agent=agent)

    def facts(self) -> dict[str, str | list[str] | None]:
        """Return the canonical fields."""
        return {
            "tls.client.ja4": f"{self.ja4}_{digest(self.name, 'ciphers')}_{digest(self.name, 'extensions')}",
            "network.protocol.version": self.http,
            "user_agent.original": self.agent,
            "http.request.header_names": self.headers.split(),
            "http.request.header.accept-encoding": self.encoding,
            "http.request.body.shape": self.shape or digest(self.name, "body", size=8),
            "sdk.language": self.language,
            "sdk.version": self.version,
            "sdk.runtime": self.runtime,
        }


_STAINLESS = "X-Stainless-Lang X-Stainless-Package-Version X-Stainless-OS X-Stainless-Arch X-Stainless-Runtime X-Stainless-Runtime-Version"
_BROWSER = (
    "Connection sec-ch-ua-platform User-Agent sec-ch-ua Content-Type sec-ch-ua-mobile Accept Origin Sec-Fetch-Site "
    "Sec-Fetch-Mode Sec-Fetch-Dest Referer Accept-Encoding Accept-Language"
)
_PYTHON = f"Accept-Encoding Connection Accept Content-Type User-Agent {_STAINLESS} X-Stainless-Async x-stainless-retry-count"

OPENAI_PYTHON = Stack(
    "openai-python", "t13d1812h1", "1.1", "OpenAI/Python 1.99.1", _PYTHON, "gzip, deflate", "python", "1.99.1", "CPython 3.11.9"
)
ANTHROPIC_PYTHON = Stack(
    "anthropic-python",
    "t13d1812h1",
    "1.1",
    "Anthropic/Python 0.64.0",
    f"{_PYTHON} anthropic-version",
    "gzip, deflate",
    "python",
    "0.64.0",
    "CPython 3.12.4",
)
OPENAI_NODE = Stack(
    "openai-node",
    "t13d5211h1",
    "1.1",
    "OpenAI/JS 5.12.2",
    f"connection accept content-type user-agent {_STAINLESS.lower()} accept-language sec-fetch-mode accept-encoding",
    "gzip, deflate",
    "js",
    "5.12.2",
    "node v22.17.0",
)
CURL = Stack("curl", "t13d3113h2", "2", "curl/8.9.1", "User-Agent Accept Content-Type", None)
GO = Stack("go", "t13d1311h2", "2", "Go-http-client/2.0", "User-Agent Content-Type Accept-Encoding", "gzip", "go", "1.9.0", "go1.24.5")
JAVA = Stack(
    "java",
    "t13d4913h2",
    "2",
    "OpenAI/Java 2.20.1",
    f"User-Agent Accept Content-Type {_STAINLESS} Accept-Encoding",
    "gzip",
    "java",
    "2.20.1",
    "JRE 21.0.4",
)
CHROME = Stack("chrome", "t13d1516h2", "2", "Mozilla/5.0 Chrome/140.0.0.0 Safari/537.36", _BROWSER, "gzip, deflate, br, zstd")
FIREFOX = Stack(
    "firefox",
    "t13d1717h2",
    "2",
    "Mozilla/5.0 Gecko/20100101 Firefox/142.0",
    "User-Agent Accept Accept-Language Accept-Encoding Referer Content-Type Origin Connection Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site",
    "gzip, deflate, br, zstd",
)
PHONE = Stack(
    "phone app",
    "t13d2014h2",
    "3",
    "Chat/4.12.0 iOS/19.0",
    "accept content-type x-app-build accept-encoding user-agent accept-language",
    "gzip, deflate, br",
)
CODING_TOOL = Stack(
    "coding tool",
    "t13d5912h1",
    "1.1",
    "patchwright-cli/1.8.2 (external, cli)",
    f"Accept {_STAINLESS} x-app anthropic-beta anthropic-version User-Agent content-type accept-language sec-fetch-mode accept-encoding",
    "br, gzip, deflate",
    "js",
    "1.8.2",
    "node v22.11.0",
)
GATEWAY = Stack(
    "enterprise gateway",
    "t13d1713h1",
    "1.1",
    "llm-gateway/1.75.3",
    "Accept Accept-Encoding Connection User-Agent Content-Type x-request-id x-gateway-team",
    "gzip, deflate, zstd",
    "python",
    "1.75.3",
    "CPython 3.11.9",
)
RELAY = Stack(
    "relay",
    "t13d5110h1",
    "1.1",
    "patchwright-cli/1.8.2 (external, cli)",
    f"content-type {_STAINLESS.lower()} x-app anthropic-version anthropic-beta user-agent accept-encoding connection",
    "identity",
    "js",
    "1.8.2",
    "node v20.18.0",
)
HARVESTER = Stack(
    "harvester's relay",
    "t13d4909h1",
    "1.1",
    "OpenAI/JS 5.12.2",
    f"accept user-agent content-type x-stainless-lang x-stainless-runtime {_STAINLESS.lower().split()[1]} accept-encoding connection",
    "identity",
    "js",
    "5.12.2",
    "node v20.18.0",
)


def location(rng: np.random.Generator, kind: str, number: int, country: str) -> dict[str, str | int]:
    """Draw an address in a network of the given kind and number (its autonomous system is of the private range)."""
    block = rng.integers(0, 256, 3)
    address = f"10.{block[0]}.{block[1]}.{block[2]}" if rng.binomial(1, 0.7) else f"2001:db8:{block[0] * 256 + block[1]:x}::{block[2]:x}"
    return {
        "client.address": address,
        "client.as.number": 64_512 + int(number),
        "client.as.type": kind,
        "client.geo.country_iso_code": country,
    }
