"""`hydrometer keys`: keys that are derived from those of the roles, to be handed out."""

from __future__ import annotations

import click

from streams.core.output import echo


@click.group()
def keys() -> None:
    """Derive keys that are handed out: an analyst's own, and those that check the histories of cases and the bundles of evidence.

    \b
    Example:  hydrometer keys author ada
    """


@keys.command()
@click.argument("name")
def author(*, name: str) -> None:
    """Print an analyst's own key, which signs labels of that author alone. It goes into HYDROMETER_AUTHOR_KEY, or its _FILE.

    Needs HYDROMETER_ANALYST_KEY or HYDROMETER_SIGNING_KEY, which the analyst then needs no more. It is as good as that key lives.

    \b
    Example:  hydrometer keys author ada > ada.key
    """
    from streams.core.keyring import role_keys
    from streams.core.settings import Settings
    from streams.schema.signatures import own_key

    [key, *_] = role_keys(Settings.load(role="kafka"), "analyst")
    echo(f"{name}:{own_key(key, name).hex()}")


@keys.command()
def history() -> None:
    """Print the public keys that check the histories of cases, the current one first. They are public: HYDROMETER_HISTORY_PUBLIC_KEY.

    Needs HYDROMETER_WORKER_KEY or HYDROMETER_SIGNING_KEY. Keep the old keys as long as cases that they signed are kept.

    \b
    Example:  hydrometer keys history
    """
    from streams.cases.audit_chain import HistoryKey
    from streams.core.keyring import role_keys
    from streams.core.settings import Settings

    echo(",".join(HistoryKey(key).public for key in role_keys(Settings.load(role="kafka"), "worker")))


@keys.command()
@click.option("--fingerprint", is_flag=True, help="Print its SHA-256 fingerprint instead: what two people compare by telephone.")
def evidence(*, fingerprint: bool) -> None:
    """Print the public key that checks bundles of evidence, as PEM. Publish it: a bundle is worth what the way of its key is worth.

    Needs HYDROMETER_EVIDENCE_KEY.

    \b
    Example:  hydrometer keys evidence > hydrometer.pem
    """
    from streams.core.settings import Settings
    from streams.exports.bundle_signature import BundleSigner

    public = BundleSigner(Settings.load(role="kafka").evidence()).public
    echo(public.fingerprint if fingerprint else public.pem.decode().rstrip())
