"""Logging in through the organisation's own provider: OpenID Connect's code flow with PKCE (RFC 7636), state and nonce.

The provider says who a person is and to which groups they belong; the settings say which role a group gives. A person without such a group
is refused. The name that signs actions is a claim that the provider keeps unique, so that four eyes are two people.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from streams.core.errors import HydrometerError, SettingsError
from streams.core.loopback import is_loopback
from streams.core.settings import Settings
from streams.desk.sessions import ROLES, Person, Role

CALLBACK: Final = "/login/callback"
LOGIN_SECONDS: Final = 600.0
"""Time in which a person must come back from the provider."""
MAX_LOGINS: Final = 1000
"""Logins that were begun and have not come back: a further one forgets the oldest."""
ALGORITHMS: Final = ("RS256", "PS256", "ES256", "ES384", "EdDSA")
"""Asymmetric ones alone: what only the provider can sign."""
_LEEWAY_SECONDS: Final = 60
_TIMEOUT_SECONDS: Final = 10.0


Claims = Mapping[str, Any]
"""What a provider says of a person."""


class LoginError(HydrometerError):
    """A login is refused. The message is for the person who tried."""


@dataclass(frozen=True)
class _Begun:
    nonce: str
    verifier: str
    ends: float


@dataclass(frozen=True)
class Provider:
    """What the provider says of itself (OpenID Connect Discovery 1.0)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    jwks_uri: str


class OidcLogin:
    """Logins at one provider. `finish` may run in another thread: it takes one login out, and blocks on the provider."""

    def __init__(self, settings: Settings, redirect_uri: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Ask the provider for its addresses.

        Args:
            settings: With the fields `oidc_*`.
            redirect_uri: Where the provider sends people back to, ending in CALLBACK.
            clock: Seconds.

        Raises:
            SettingsError: A setting is missing, or the provider does not answer as one.
        """
        self._settings, self._redirect_uri, self._clock = settings, redirect_uri, clock
        self._roles = roles_of(settings.oidc_roles)
        if not settings.oidc_client_id:
            raise SettingsError(f"HYDROMETER_OIDC_CLIENT_ID is not set: register the desk at the provider, with the address {redirect_uri}")
        self._provider = discovered(settings.oidc_issuer)
        self._begun: OrderedDict[str, _Begun] = OrderedDict()

    def begin(self) -> tuple[str, str]:
        """Return the provider's address for a new login, and its state: the browser keeps that in a cookie until it is back."""
        state, nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        while len(self._begun) >= MAX_LOGINS:
            self._begun.popitem(last=False)
        self._begun[state] = _Begun(nonce, verifier, self._clock() + LOGIN_SECONDS)
        address, _ = self._client().create_authorization_url(
            self._provider.authorization_endpoint, state=state, nonce=nonce, code_verifier=verifier
        )
        return str(address), state

    def finish(self, query: Mapping[str, str], cookie: str) -> Person:
        """Return who came back. Blocks while the provider is asked.

        Args:
            query: What the provider sent along: `code` and `state`, or an error.
            cookie: The state that this browser began with.

        Raises:
            LoginError: The login was not begun here, is too old, or the provider does not vouch for it.
        """
        state = query.get("state", "")
        begun = self._begun.pop(state, None)
        if begun is None or not secrets.compare_digest(state.encode(), cookie.encode()) or self._clock() > begun.ends:
            raise LoginError("this login was not begun in this browser, or more than ten minutes ago: log in again")
        if "code" not in query:
            raise LoginError(f"the provider did not log you in ({query.get('error', 'no code')[:60]}): log in again, or ask its operator")
        try:
            client = self._client()
            token = client.fetch_token(
                self._provider.token_endpoint, code=query["code"], code_verifier=begun.verifier, timeout=_TIMEOUT_SECONDS
            )
            claims = self._claims(str(token.get("id_token", "")), begun.nonce)
            if self._settings.oidc_groups_claim not in claims and self._provider.userinfo_endpoint:
                more = client.get(self._provider.userinfo_endpoint, timeout=_TIMEOUT_SECONDS).json()
                claims = {**more, **claims} if isinstance(more, dict) and more.get("sub") == claims["sub"] else claims
        except (OAuthError, requests.RequestException, JoseError, ValueError, TypeError) as error:
            raise LoginError(f"the provider does not vouch for this login ({type(error).__name__}): log in again") from error
        return self._person(claims)

    def _client(self) -> Any:
        secret = self._settings.oidc_client_secret.get_secret_value() if self._settings.oidc_client_secret else None
        return OAuth2Session(
            self._settings.oidc_client_id,
            secret,
            scope=self._settings.oidc_scope,
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
        )

    def _claims(self, id_token: str, nonce: str) -> Claims:
        """Return what a token says, after checking who signed it, for whom, when and for which login (OpenID Connect Core 3.1.3.7)."""
        keys = KeySet.import_key_set(requests.get(self._provider.jwks_uri, timeout=_TIMEOUT_SECONDS).json())  # anew: providers rotate them
        claims = jwt.decode(id_token, keys, algorithms=list(ALGORITHMS)).claims
        essential = {name: {"essential": True} for name in ("exp", "iat", "sub")}
        expected = {
            "iss": {"essential": True, "value": self._provider.issuer},
            "aud": {"essential": True, "value": self._settings.oidc_client_id},
            "nonce": {"essential": True, "value": nonce},
        }
        jwt.JWTClaimsRegistry(leeway=_LEEWAY_SECONDS, **essential, **expected).validate(claims)  # type: ignore[arg-type]
        if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != self._settings.oidc_client_id:
            raise ValueError("the token is for another client")
        return dict(claims)

    def _person(self, claims: Claims) -> Person:
        claim = self._settings.oidc_name_claim
        name = claims.get(claim)
        if not isinstance(name, str) or not name or (claim == "email" and claims.get("email_verified") is not True):
            raise LoginError(f"the provider sent no {claim} that it vouches for: ask its operator, or set HYDROMETER_OIDC_NAME_CLAIM")
        groups = claims.get(self._settings.oidc_groups_claim)
        names = groups if isinstance(groups, list) else [groups]
        roles = [self._roles[group] for group in names if isinstance(group, str) and group in self._roles]
        if not roles:
            raise LoginError(f"{name[:80]} is in none of the groups that may use the desk: ask its operator")
        return Person.parse(f"{name}:{max(roles, key=ROLES.index)}")


def roles_of(text: str) -> dict[str, Role]:
    """Read which role a group gives, `GROUP=ROLE` separated by commas.

    Raises:
        SettingsError: It is empty, or a role is unknown.

    >>> roles_of("soc=analyst,leads=approver")
    {'soc': 'analyst', 'leads': 'approver'}
    """
    known: dict[str, Role] = {role: role for role in ROLES}
    pairs = [pair.strip().rpartition("=") for pair in text.split(",") if pair.strip()]
    if not pairs or any(not group or role not in known for group, _, role in pairs):
        raise SettingsError(f"HYDROMETER_OIDC_ROLES is not GROUP=ROLE,...: a role is one of {', '.join(ROLES)}")
    return {group: known[role] for group, _, role in pairs}


def discovered(issuer: str) -> Provider:
    """Return a provider's addresses, as it publishes them.

    Raises:
        SettingsError: It does not answer, is another, or one of its addresses is neither https nor on this machine.
    """
    _check_address(issuer)
    try:
        answer = requests.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration", timeout=_TIMEOUT_SECONDS, allow_redirects=False)
        published = answer.json() if answer.ok else {}
        provider = Provider(*(str(published.get(name, "")) for name in Provider.__dataclass_fields__))
    except (requests.RequestException, ValueError, AttributeError) as error:
        raise SettingsError(f"the provider {issuer} does not answer ({type(error).__name__}): check HYDROMETER_OIDC_ISSUER") from error
    if provider.issuer != issuer:
        raise SettingsError(f"the provider at {issuer} names another issuer ({provider.issuer[:100]}): set HYDROMETER_OIDC_ISSUER to that")
    for address in (provider.authorization_endpoint, provider.token_endpoint, provider.jwks_uri):
        _check_address(address)
    return provider


def _check_address(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise SettingsError(f"{address[:100]!r} is not an https address: a provider has TLS, unless it is on this machine")
