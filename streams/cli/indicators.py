"""`hydrometer indicators`: what others saw, for `collect` to compare requests with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.commands import FILE
from streams.core.output import echo

if TYPE_CHECKING:
    from streams.core.settings import Settings
    from streams.exports.indicators_in import Document


@click.group()
def indicators() -> None:
    """Keep indicators that others shared, in the file of HYDROMETER_INDICATORS, for `collect` to compare requests with.

    A match is evidence of its own family. It proves nothing: it counts half, and only beside other evidence of a whole group.

    \b
    Example:  hydrometer indicators import partner.stix.json
              hydrometer indicators fetch https://taxii.example.com/api1/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/
    """


@indicators.command("import")
@click.argument("files", type=FILE, nargs=-1, required=True)
def import_files(*, files: tuple[Path, ...]) -> None:
    """Add the indicators of documents: STIX 2.1 bundles, MISP events as JSON. What this project cannot compare is counted.

    \b
    Example:  hydrometer indicators import partner.stix.json misp.event.1234.json
    """
    from streams.exports.indicators_in import Document, read_document
    from streams.schema.indicators import IndicatorsError

    settings, document = _settings(), Document()
    for file in files:
        try:
            document.merge(read_document(file.read_bytes(), file.name))
        except OSError as error:
            raise IndicatorsError(f"cannot read {file} ({error.strerror}): name the file of a document") from error
    _keep(settings, document)


@indicators.command("fetch")
@click.argument("collection", metavar="URL")
@click.option("--all", "whole", is_flag=True, help="Fetch what was fetched before, too.")
def fetch_collection(*, collection: str, whole: bool) -> None:
    """Add the indicators of a TAXII 2.1 collection: all of them at first, later what was added since.

    Log in with HYDROMETER_TAXII_USERNAME and HYDROMETER_TAXII_PASSWORD (or ..._PASSWORD_FILE).

    \b
    Example:  hydrometer indicators fetch https://taxii.example.com/api1/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/
    """
    from streams.exports.taxii import Fetched, fetch

    settings = _settings()
    fetched = Fetched(_file(settings))
    document, until = fetch(collection, settings, "" if whole else fetched.until(collection))
    _keep(settings, document)
    fetched.note(collection, until)


@indicators.command("list")
@click.option("--all", "whole", is_flag=True, help="Those that have ended, too.")
def list_indicators(*, whole: bool) -> None:
    """Print the indicators: id, kind, value, who shared it, under which mark, and until when it is valid.

    \b
    Example:  hydrometer indicators list
    """
    import time
    from datetime import UTC, datetime

    from streams.schema.indicators import in_force, read_indicators

    path = _file(_settings())
    known = list(read_indicators(path).values())
    shown = known if whole else list(in_force(known, time.time()))
    if not shown:
        echo(f"{path} has no indicator{'' if whole else ' in force'}: `hydrometer indicators import FILE` adds those of a document")
    for indicator in shown:
        until = datetime.fromtimestamp(indicator.valid_until, UTC).strftime("%Y-%m-%d")
        mark = f"TLP:{indicator.tlp}" if indicator.tlp else "no TLP mark"
        echo(f"{indicator.indicator_id}  {indicator.kind} {indicator.value}  from {indicator.source}, {mark}, until {until}")


@indicators.command("remove")
@click.argument("ids", metavar="ID", nargs=-1, required=True)
def remove_indicators(*, ids: tuple[str, ...]) -> None:
    """Remove indicators by their ids, as `list` prints them.

    \b
    Example:  hydrometer indicators remove ind-831412519b59
    """
    from streams.schema.indicators import IndicatorsError, read_indicators, write_indicators

    path = _file(_settings())
    known = read_indicators(path)
    if unknown := sorted(set(ids) - known.keys()):
        raise IndicatorsError(f"{path} has no {', '.join(unknown)}: `hydrometer indicators list --all` prints them")
    write_indicators(path, {name: indicator for name, indicator in known.items() if name not in ids})
    echo(f"removed {len(set(ids))} indicators")


@indicators.command("sketch")
@click.argument("file", type=FILE)
def sketch_wording(*, file: Path) -> None:
    """Print the sketches of a wording under the key that partners share, for an indicator: as a system prompt, and as a question's opening.

    Who has HYDROMETER_SHARED_SKETCH_KEY can look for it; the text itself is not needed and not in it.

    \b
    Example:  hydrometer indicators sketch wording.txt
    """
    from streams.core.errors import SettingsError
    from streams.privacy.indicators import shared_sketches
    from streams.schema.indicators import IndicatorsError

    key = _settings().shared_sketch_key
    if key is None:
        raise SettingsError("HYDROMETER_SHARED_SKETCH_KEY is not set: it is the key that you share with your partners")
    try:
        system, opening = shared_sketches(key.get_secret_value().encode(), file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise IndicatorsError(f"cannot read {file} ({type(error).__name__}): name a text file") from error
    echo(f"x-api-client:template = '{system}'  (a whole system prompt)\nx-api-client:template = '{opening}'  (the opening of a question)")


def _settings() -> Settings:
    from streams.core.settings import Settings

    return Settings.load(role="kafka")


def _file(settings: Settings) -> Path:
    from streams.core.errors import SettingsError

    if settings.indicators is None:
        raise SettingsError("HYDROMETER_INDICATORS is not set: name the file of indicators, which `collect` reads too")
    return settings.indicators


def _keep(settings: Settings, document: Document) -> None:
    """Add a document's indicators to those that are kept, without those that have ended, and print what became of them."""
    import time

    from streams.exports.indicators_in import Document
    from streams.schema.indicators import in_force, read_indicators, write_indicators

    path = _file(settings)
    known = Document(read_indicators(path))
    before = len(known.indicators)
    known.merge(document)
    added = len(known.indicators) - before
    kept = {indicator.indicator_id: indicator for indicator in in_force(known.indicators.values(), time.time())} | {
        name: indicator for name, indicator in known.indicators.items() if indicator.valid_from > time.time()
    }
    write_indicators(path, kept)
    left = ", ".join(f"{count:,} {reason}" for reason, count in sorted(document.left_out.items()))
    echo(
        f"{added:,} new, {len(document.indicators) - added:,} known before, {len(kept):,} in {path}{f'; left out: {left}' if left else ''}"
    )
