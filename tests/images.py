"""`make pin-images`: the images that a deployment starts from, by the digests under which their registries hold them.

A tag can be moved to another image; a digest cannot. Every image that a file of `deploy/` names has a version, and a release adds the
digest, in place: `python:3.11.14-slim-bookworm@sha256:...`. It is that of the index over all platforms, hashed here from what the
registry answers (https://github.com/opencontainers/distribution-spec); an image without the platforms that `deploy/docker-bake.hcl`
builds for is an error. A registry that cannot be reached pins nothing: that is said, and is no failure (with STRICT=1 it is).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
OURS: Final = "hydrometer"
"""Built from this checkout: there is no digest to know before."""
HUB: Final = "https://registry-1.docker.io"
"""Where a name without a host is."""
PLATFORMS: Final = frozenset({"linux/amd64", "linux/arm64"})
TIMEOUT_SECONDS: Final = 30
INDEXES: Final = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"
_NAMED: Final = re.compile(r"(?<=^FROM )\S+|(?<=image: )(?!\{)[^\s}]+", re.MULTILINE)
_IMAGE: Final = re.compile(r"(?P<name>[\w./-]+):(?P<tag>[\w.-]+)(?:@(?P<digest>sha256:[0-9a-f]{64}))?")
_CHALLENGE: Final = re.compile(r'(\w+)="([^"]*)"')


class RegistryError(Exception):
    """A registry did not answer, or not with an index of the platforms that we need."""


class Image(NamedTuple):
    """An image of others, as a file names it."""

    name: str
    tag: str
    digest: str | None

    @property
    def reference(self) -> str:
        """Name and tag."""
        return f"{self.name}:{self.tag}"


def files(root: Path = ROOT) -> list[Path]:
    """Return the files that name images."""
    return [
        root / "deploy/Dockerfile",
        *sorted((root / "deploy").glob("compose*.yaml")),
        *sorted((root / "deploy/helm/examples").glob("*.yaml")),
    ]


def images(text: str) -> list[Image]:
    """Return the images of others that a file names. Raises RegistryError for one without a tag.

    >>> images("FROM python:3.11.14-slim AS build\\n")
    [Image(name='python', tag='3.11.14-slim', digest=None)]
    """
    named = [(word, _IMAGE.fullmatch(word)) for word in _NAMED.findall(text)]
    untagged = [word for word, match in named if match is None]
    if untagged:
        raise RegistryError(f"{untagged[0]} names no version: give it a tag")
    return [Image(*match.group("name", "tag", "digest")) for _, match in named if match and match["name"] != OURS]


def pinned(text: str, digests: dict[str, str]) -> str:
    """Return a file's text with the digest of each image that has one. digests: by name and tag.

    >>> pinned("image: a/b:1.0.0\\n", {"a/b:1.0.0": "sha256:0f"})
    'image: a/b:1.0.0@sha256:0f\\n'
    """

    def written(match: re.Match[str]) -> str:
        reference = match[0].partition("@")[0]
        return f"{reference}@{digests[reference]}" if reference in digests else match[0]

    return _NAMED.sub(written, text)


def digest(image: Image, hub: str = HUB) -> str:
    """Ask the registry of an image for its index and return the index's digest. Raises RegistryError."""
    host, slash, path = image.name.partition("/")
    base, name = (f"https://{host}", path) if slash and "." in host else (hub, image.name if slash else f"library/{image.name}")
    url = f"{base}/v2/{name}/manifests/{image.tag}"
    try:
        body, told = _asked(url, name)
        platforms = {f"{each['platform']['os']}/{each['platform']['architecture']}" for each in json.loads(body)["manifests"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RegistryError(f"{url} ({type(error).__name__})") from error
    counted = f"sha256:{hashlib.sha256(body).hexdigest()}"
    if told not in (None, counted):
        raise RegistryError(f"{url} answers with another image than the digest that it names")
    if not platforms >= PLATFORMS:
        raise RegistryError(f"{url} is not built for {', '.join(sorted(PLATFORMS - platforms))}")
    return counted


def _asked(url: str, name: str) -> tuple[bytes, str | None]:
    """Return the index and its digest as the registry names it, with an anonymous token where one is asked for."""
    headers = {"Accept": INDEXES}
    try:
        return _got(url, headers)
    except urllib.error.HTTPError as error:
        challenge = dict(_CHALLENGE.findall(error.headers.get("WWW-Authenticate", "")))
        if error.code != 401 or "realm" not in challenge:
            raise
    query = urllib.parse.urlencode({"service": challenge.get("service", ""), "scope": f"repository:{name}:pull"})
    token = json.loads(_got(f"{challenge['realm']}?{query}", {})[0])
    return _got(url, {**headers, "Authorization": f"Bearer {token['token']}"})


def _got(url: str, headers: dict[str, str]) -> tuple[bytes, str | None]:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_SECONDS) as answer:
        return answer.read(), answer.headers.get("Docker-Content-Digest")


def main(root: Path = ROOT, arguments: Sequence[str] = ()) -> int:
    """Write the digests that can be known, and print what could not be asked for. Returns the exit code."""
    texts = {path: path.read_text(encoding="utf-8") for path in files(root)}
    wanted = sorted({(image.name, image.tag) for text in texts.values() for image in images(text)})
    digests: dict[str, str] = {}
    refused: list[str] = []
    hub = arguments[0] if arguments else os.environ.get("REGISTRY_URL", HUB)
    for name, tag in wanted:
        try:
            digests[f"{name}:{tag}"] = digest(Image(name, tag, None), hub)
            print(f"{name}:{tag}@{digests[f'{name}:{tag}']}")
        except RegistryError as error:
            refused.append(f"{name}:{tag}")
            print(f"NOT PINNED: {name}:{tag}: {error}")
    for path, text in texts.items():
        if (new := pinned(text, digests)) != text:
            path.write_text(new, encoding="utf-8")
    return 1 if refused and os.environ.get("STRICT") else 0


if __name__ == "__main__":
    sys.exit(main())
