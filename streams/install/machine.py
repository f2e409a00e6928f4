"""`hydrometer init`: what one machine needs, written once: configuration, keys, systemd units.

    /etc/hydrometer/hydrometer.toml          settings of every process
    /etc/hydrometer/secrets/                 drawn keys and passwords, 0600: systemd hands each process only its own
    /etc/hydrometer/people.env               which of them people's commands use
    /etc/systemd/system/hydrometer*          two services, their hardening, a target that starts both; a backup and its timer
    /etc/sysusers.d/hydrometer.conf          the user that they run as

A secret that exists is kept: a new key forgets what the old one linked. All else is written anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from streams.core.config_file import USUAL_PATH
from streams.core.errors import SettingsError
from streams.core.private_file import draw_secret

SECRETS: Final = (
    "clickhouse_migrator_password",
    "clickhouse_writer_password",
    "clickhouse_reader_password",
    "clickhouse_reporter_password",
    "sketch_key",
    "pseudonym_key",
    "seal_key",
    "signing_key",
    "intake_token",
)
FOLDER: Final = USUAL_PATH.parent.relative_to("/")
UNITS: Final = Path("etc/systemd/system")
UNIT_FILES: Final = (
    "hydrometer.target",
    "hydrometer-collect.service",
    "hydrometer-worker.service",
    "hydrometer-backup.service",
    "hydrometer-backup.timer",
    "hydrometer-.service.d/hardening.conf",
)
USERS: Final = Path("etc/sysusers.d/hydrometer.conf")
_PEOPLE: Final = f"""\
# For the commands that people run here:  set -a; . /{FOLDER}/people.env
HYDROMETER_CLICKHOUSE_USER=reader
HYDROMETER_CLICKHOUSE_PASSWORD_FILE=/{FOLDER}/secrets/clickhouse_reader_password
HYDROMETER_SIGNING_KEY_FILE=/{FOLDER}/secrets/signing_key
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """The answers to the questions of `hydrometer init`."""

    kafka: str
    partitions: int
    replication: int
    clickhouse_host: str
    inputs: str
    """Arguments of `collect`: `--http 0.0.0.0:8088 --topic`."""
    root: Path = Path("/")
    executable: Path = Path(sys.prefix) / "bin" / "hydrometer"

    def install(self) -> Iterator[tuple[str, Path]]:
        """Write all files; yield `kept` or `wrote`, and the path. Raises SettingsError when one cannot be written."""
        try:
            (self.root / FOLDER / "secrets").mkdir(parents=True, exist_ok=True, mode=0o700)
            for name in SECRETS:
                path = self.root / FOLDER / "secrets" / name
                yield ("wrote" if draw_secret(path) else "kept"), path
            for path, text in self._texts().items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
                path.chmod(0o644)
                yield "wrote", path
        except OSError as error:
            raise SettingsError(f"cannot write {error.filename} ({error.strerror}): run this as root, or name another --root") from error

    def next_steps(self) -> str:
        """Return the commands that follow."""
        secret = f"/{FOLDER}/secrets/clickhouse"
        return "\n".join(
            (
                "1. Make ClickHouse's users migrator, writer, reader and reporter with these passwords (rights: deploy/clickhouse).",
                "2. systemd-sysusers && systemctl daemon-reload",
                "3. hydrometer topics",
                f"4. HYDROMETER_CLICKHOUSE_USER=migrator HYDROMETER_CLICKHOUSE_PASSWORD_FILE={secret}_migrator_password hydrometer migrate",
                "5. systemctl enable --now hydrometer-collect hydrometer-worker hydrometer.target",
                f"6. set -a; . /{FOLDER}/people.env; hydrometer doctor; journalctl -fu 'hydrometer-*'",
                "7. If you want a backup every night, for which everything stops: systemctl enable --now hydrometer-backup.timer",
            )
        )

    def _texts(self) -> dict[Path, str]:
        units = files("streams.install") / "units"
        texts = {self.root / UNITS / name: self._filled((units / name).read_text("utf-8")) for name in UNIT_FILES}
        texts[self.root / USERS] = (units / "hydrometer.sysusers").read_text("utf-8")
        texts[self.root / USUAL_PATH.relative_to("/")] = self._configuration()
        texts[self.root / FOLDER / "people.env"] = _PEOPLE
        return texts

    def _filled(self, unit: str) -> str:
        values = {"hydrometer": self.executable, "inputs": self.inputs, "config": USUAL_PATH, "secrets": f"/{FOLDER}/secrets"}
        for name, value in values.items():
            unit = unit.replace(f"{{{name}}}", str(value).replace("%", "%%"))
        return unit

    def _configuration(self) -> str:
        lines = (
            "# Settings of Hydrometer; `hydrometer doctor --settings` lists them all. A variable HYDROMETER_... goes before a line here.",
            f'kafka = "{self.kafka}"',
            f"partitions = {self.partitions}",
            f"replication = {self.replication}",
            f'clickhouse_host = "{self.clickhouse_host}"',
        )
        return "\n".join(lines) + "\n"
