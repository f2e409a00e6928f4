"""All settings in one frozen object, read from `HYDROMETER_*` variables and a file (`config_file`). An unknown name is an error.

A secret may come from a file instead (`HYDROMETER_SEAL_KEY_FILE=/run/secrets/seal_key`), as containers hand them over. Outside local
mode no secret has a default. Each role declares which secrets it reads, so that a process needs only its own.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, cast, get_args

from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from streams.core import config_file, markdown
from streams.core.errors import SettingsError
from streams.core.logs import hide

VARIABLE_PREFIX = "HYDROMETER_"

Mode = Literal["local", "production"]
Role = Literal["all", "collect", "intake", "worker", "replay", "backup", "clickhouse", "kafka"]
Security = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]

SECRETS = ("clickhouse_password", "sketch_key", "pseudonym_key", "seal_key", "intake_token")
"""Secrets that at least one role requires."""

OPTIONAL_SECRETS = (
    "kafka_sasl_password",
    "grafana_token",
    "webhook_token",
    "evidence_key",
    "shared_sketch_key",
    "taxii_password",
    "oidc_client_secret",
    "pseudonym_key_previous",
    "seal_key_previous",
    "signing_key",
    "signing_key_previous",
    "worker_key",
    "worker_key_previous",
    "analyst_key",
    "analyst_key_previous",
    "author_key",
)
"""Secrets that only some set-ups or single commands need; those raise SettingsError when it is missing."""

NEEDS: Mapping[Role, tuple[str, ...]] = {
    "all": SECRETS,
    "collect": ("sketch_key", "pseudonym_key"),
    "intake": ("sketch_key", "pseudonym_key", "intake_token"),
    "worker": ("clickhouse_password", "seal_key"),
    "replay": ("sketch_key", "pseudonym_key"),
    "backup": ("clickhouse_password", "sketch_key", "pseudonym_key", "seal_key"),
    "clickhouse": ("clickhouse_password",),
    "kafka": (),
}
"""Which secrets each role reads."""

MIN_SECRET_CHARACTERS = 16
"""`openssl rand -hex 32` makes 64 characters."""

LOCAL_PASSWORD_FILE = "clickhouse_password"  # noqa: S105 (a name)
"""In `state_dir`: the password of the local ClickHouse that runs."""

_DEVELOPMENT = "development-only-"  # what local mode uses; production refuses it
_OTHERS = frozenset({"HYDROMETER_SHARED", config_file.VARIABLE})  # read by the tests alone, to find sample data; and before the others


class MissingSecret(SecretStr):
    """A secret that is not set because the role does not read it. Reading it raises SettingsError naming the variable."""

    def __init__(self, name: str) -> None:
        """Keep the field's name for the message."""
        super().__init__("")
        self._name = name

    def get_secret_value(self) -> str:
        """Raise SettingsError."""
        raise _missing(self._name)


class LocalPassword(SecretStr):
    """The password that `hydrometer local` drew at its last start. It is read from its file each time it is used."""

    def __init__(self, path: Path) -> None:
        """Read from `path`, which need not exist yet."""
        super().__init__("in a file")  # for `str`, which shows stars
        self.path = path

    def get_secret_value(self) -> str:
        """Return the password. Raises SettingsError when no local server runs."""
        try:
            password = self.path.read_text(encoding="utf-8")
        except OSError as error:
            fix = "start `hydrometer local`, or set HYDROMETER_STATE_DIR to that of the one that runs, or HYDROMETER_CLICKHOUSE_PASSWORD"
            raise SettingsError(f"no local ClickHouse left its password in {self.path} ({error.strerror}): {fix}") from error
        hide(password)
        return password


def _secret(description: str) -> Any:
    return Field(default=None, description=description)  # `Settings._with_defaults` replaces None


class Settings(BaseSettings):
    """The settings of one process. `Settings.load()` reads them; tests may write `Settings(mode="local")`."""

    model_config = SettingsConfigDict(env_prefix=VARIABLE_PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    mode: Mode = Field(
        default="production", description="`local`: one machine, fixed development keys. `production`: every secret must be set."
    )

    kafka: str = Field(
        default="127.0.0.1:9092", pattern=r"^[^\s:,]+:\d+(,[^\s:,]+:\d+)*$", description="Brokers to ask first: `host:port,host:port`."
    )
    kafka_security_protocol: Security = Field(default="PLAINTEXT", description="Protocol to the brokers.")
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", description="With `SASL_*` only."
    )
    kafka_sasl_username: str | None = Field(default=None, description="With `SASL_*` only.")
    kafka_sasl_password: SecretStr | None = Field(default=None, description="With `SASL_*` only.")
    kafka_ssl_cafile: Path | None = Field(default=None, description="Certificates to trust, PEM; the system's when unset.")
    partitions: int = Field(
        default=4, ge=1, le=4096, description="Partitions of every keyed topic: the most workers that can share the work."
    )
    replication: int = Field(default=3, ge=1, le=9, description="Copies of every topic. 1 in local mode.")

    clickhouse_host: str = Field(default="127.0.0.1", min_length=1, description="ClickHouse's host.")
    clickhouse_port: int = Field(default=9000, ge=1, le=65535, description="ClickHouse's port for the native protocol.")
    clickhouse_user: str = Field(default="hydrometer", min_length=1, description="ClickHouse's user.")
    clickhouse_password: SecretStr = _secret("The writer's password.")
    clickhouse_database: str = Field(default="hydrometer", pattern=r"^[A-Za-z_]\w*$", description="The database of all our tables.")
    table_days: str = Field(
        default="",
        pattern=r"^(\w+=[1-9]\d{0,4}(,\w+=[1-9]\d{0,4})*)?$",
        description="Days after which rows of a table end, as in `requests=14,labels=730`; `migrate` sets them. Others: the reference.",
    )
    clickhouse_secure: bool = Field(default=False, description="TLS to ClickHouse; its certificate and name are verified.")
    clickhouse_ssl_cafile: Path | None = Field(default=None, description="Certificates to trust, PEM; the system's when unset.")

    sketch_key: SecretStr = _secret("Keys the prompt sketches. A new key forgets every template.")
    pseudonym_key: SecretStr = _secret("Keys the pseudonyms of addresses, keys and payments. A new key alone unlinks them.")
    pseudonym_key_previous: SecretStr | None = Field(
        default=None,
        description="The pseudonym key before, of `collect`: workers move what they keep under it to the new one. Unset it later.",
    )
    seal_key: SecretStr = _secret("Signs what workers store. With a new key alone they begin without state: name the one before too.")
    seal_key_previous: SecretStr | None = Field(
        default=None, description="The seal key before: what it signed is read, and signed anew when a worker starts."
    )
    signing_key: SecretStr | None = Field(
        default=None, description="Signs what workers and analysts write to Kafka: their keys are derived from it. Local mode draws one."
    )
    signing_key_previous: SecretStr | None = Field(default=None, description="The signing key before: what it signed is still believed.")
    worker_key: SecretStr | None = Field(default=None, description="The workers' part of the signing key, where roles share no secret.")
    worker_key_previous: SecretStr | None = Field(default=None, description="The workers' key before, still believed.")
    analyst_key: SecretStr | None = Field(default=None, description="The analysts' part of the signing key, where roles share no secret.")
    analyst_key_previous: SecretStr | None = Field(default=None, description="The analysts' key before, still believed.")
    author_key: SecretStr | None = Field(
        default=None, description="An analyst's own key, which signs labels of that author alone: `hydrometer keys author NAME` makes it."
    )
    history_public_key: str | None = Field(
        default=None, description="Checks the histories of cases where no key that signs is held: `hydrometer keys history` prints it."
    )
    intake_token: SecretStr = _secret("What a gateway must send as `Authorization: Bearer ...`. Its file is read again when it changes.")
    intake_tokens: Path | None = Field(
        default=None, description="A file of further sources and their tokens, one `name token` per line; read again when it changes."
    )
    intake_certificate: Path | None = Field(
        default=None, description="TLS of `collect --http`: a PEM chain, the server's certificate first; read again when it changes."
    )
    intake_certificate_key: Path | None = Field(
        default=None, description="The key of the intake's certificate, PEM; unset when it is in the same file."
    )
    oidc_issuer: str = Field(
        default="", description="The provider (OpenID Connect) at which people log in to `hydrometer desk`; empty: by one-time links alone."
    )
    oidc_client_id: str = Field(default="", description="The desk's name at that provider.")
    oidc_client_secret: SecretStr | None = Field(default=None, description="The desk's secret there; unset where PKCE alone is asked for.")
    oidc_scope: str = Field(default="openid profile email", description="What the provider is asked for; some need `groups`, too.")
    oidc_name_claim: str = Field(default="email", description="The claim that names a person in every record; it must be unique there.")
    oidc_groups_claim: str = Field(default="groups", description="The claim with a person's groups.")
    oidc_roles: str = Field(default="", description="The role of each group: `soc=analyst,soc-leads=approver`; the highest counts.")
    permitted_parties: Path | None = Field(default=None, description="A file of permitted parties: scored, alerts muted.")
    policy: Path | None = Field(
        default=None, description="A file of terms and alert thresholds with their approvers; the package's when unset."
    )

    grafana_url: str = Field(
        default="http://127.0.0.1:3000", pattern=r"^https?://[^\s/@]+(/\S*)?$", description="Where `hydrometer boards` publishes to."
    )
    grafana_user: str = Field(default="", description="A Grafana user whose password is the token; empty for a service account's token.")
    webhook_token: SecretStr | None = Field(default=None, description="The bearer token of `hydrometer export ocsf --webhook`.")
    grafana_token: SecretStr | None = Field(default=None, description="A service account's token with the role Editor, for `boards` alone.")
    evidence_key: SecretStr | None = Field(
        default=None,
        description="Signs the bundles of `hydrometer export case`: the public key is in `hydrometer keys evidence`.",
    )

    indicators: Path | None = Field(
        default=None,
        description="Indicators that others shared, as `hydrometer indicators` keeps them: `collect` compares each request with them, and "
        "reads the file again when it changes.",
    )
    shared_sketch_key: SecretStr | None = Field(
        default=None, description="A key that partners share: wordings are compared by their sketches under it, never by their text."
    )
    taxii_username: str = Field(default="", description="Name of this deployment at the TAXII server of `hydrometer indicators fetch`.")
    taxii_password: SecretStr | None = Field(default=None, description="Password of this deployment at that TAXII server.")

    metrics_host: str = Field(default="127.0.0.1", min_length=1, description="Address at which a process serves its metrics.")
    metrics_port: int = Field(
        default=9464,
        ge=0,
        le=65535,
        description="Port of the metrics, for Prometheus. Each process on a machine needs its own; 0, as in local mode: no metrics.",
    )

    state_dir: Path = Field(default=Path("/var/lib/hydrometer"), description="Where workers keep tables. `build/state` in local mode.")
    erasures: Path | None = Field(
        default=None,
        description="The ledger of `hydrometer forget`, which `hydrometer restore` reads; `erasures.jsonl` in the folder above when unset.",
    )
    account_days: int = Field(
        default=400, ge=15, le=36_500, description="Days after its last request after which an account leaves the state and its archive."
    )
    checkpoint_seconds: float = Field(default=60.0, gt=0, le=3600, description="Every changed chunk of state is durable within this time.")
    backlog_end_seconds: float = Field(
        default=5.0,
        ge=0,
        le=600,
        description="Old events that are pushed are complete when none has come for so long; until then partitions wait for one another.",
    )
    block_events: int = Field(default=4096, ge=1, le=65_536, description="Events at which a block is closed, if not by its time.")
    block_seconds: float = Field(default=0.25, gt=0, le=60, description="Time after which a block is closed, full or not.")
    future_skew_seconds: float = Field(
        default=300.0,
        gt=0,
        description="An event further ahead of its arrival than this counts at its arrival; a day ahead it is refused.",
    )
    past_skew_seconds: float = Field(
        default=86_400.0, gt=0, description="An event further behind its arrival than this goes to the dead letters."
    )
    trusted_hops: int = Field(
        default=0,
        ge=0,
        le=32,
        description="Your proxies that append to `x-forwarded-for`: the client is that many from the right; 0: the peer.",
    )
    fuse_window: int = Field(default=10_000, ge=10, description="The last lines of a source of which `HYDROMETER_FUSE_SHARE` are counted.")
    fuse_share: float = Field(default=0.2, gt=0, le=1, description="A source is paused when a larger share of its last lines was rejected.")
    fuse_run: int = Field(default=1_000, ge=1, description="A source is paused after this many rejected lines in a row.")
    fuse_skip: bool = Field(default=False, description="Never pause: set rejected lines aside, and go on.")

    _files: dict[str, Path] = PrivateAttr(default_factory=dict)

    @classmethod
    def load(cls, env: Mapping[str, str] | None = None, role: Role = "all") -> Self:
        """Read the settings from the environment (or `env`) and the configuration file, and require the secrets that `role` reads.

        Raises SettingsError, which names the variable and the fix.
        """
        secrets = frozenset((*SECRETS, *OPTIONAL_SECRETS))
        environment = Environment(cls, config_file.with_file(os.environ if env is None else env, VARIABLE_PREFIX, secrets))
        values = environment()
        if values.get("mode") != "local":
            values |= {name: MissingSecret(name) for name in SECRETS if name not in values and name not in NEEDS[role]}
        try:
            settings = cls(**values)
        except ValidationError as error:
            raise _first_problem(error) from None
        for name in (*SECRETS, *OPTIONAL_SECRETS):
            secret = getattr(settings, name)
            if secret is not None and not isinstance(secret, MissingSecret | LocalPassword):
                hide(secret.get_secret_value())
        settings._files.update(environment.files)
        return settings

    def file_of(self, secret: str) -> Path | None:
        """Return the file that a secret was read from; None when it was not read from a file."""
        return self._files.get(secret)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (pydantic-settings' signature)
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources of `Settings(...)`: only its arguments. Only `load` reads the environment."""
        return (init_settings,)

    def days_of_tables(self) -> dict[str, int]:
        """Return the days after which rows end, by table, of the tables that `table_days` names."""
        pairs = [pair.partition("=") for pair in self.table_days.split(",") if pair]
        return {table: int(days) for table, _, days in pairs}

    def evidence(self) -> bytes:
        """Return the key that signs bundles. Raises SettingsError when it is not set, or short."""
        key = self.evidence_key.get_secret_value() if self.evidence_key else ""
        if not key:
            raise _missing("evidence_key")
        if len(key) < MIN_SECRET_CHARACTERS:
            raise SettingsError(
                f"HYDROMETER_EVIDENCE_KEY has fewer than {MIN_SECRET_CHARACTERS} characters: make one with: openssl rand -hex 32"
            )
        return key.encode()

    @model_validator(mode="before")
    @classmethod
    def _with_defaults(cls, given: dict[str, object]) -> dict[str, object]:
        if given.get("mode") == "local":
            local = {name: _DEVELOPMENT + name.replace("_", "-") for name in SECRETS}
            usual = {**local, "replication": 1, "state_dir": Path("build/state"), "metrics_port": 0, **given}
            if "clickhouse_password" not in given:
                usual["clickhouse_password"] = LocalPassword(Path(str(usual["state_dir"])) / LOCAL_PASSWORD_FILE)
            return usual
        if given.get("mode", "production") == "production":  # any other value fails the field's own check
            for name in SECRETS:
                if name not in given:
                    raise _missing(name)
        return given

    @field_validator(*SECRETS)
    @classmethod
    def _strong(cls, secret: SecretStr, info: Any) -> SecretStr:
        if info.data.get("mode") == "local" or isinstance(secret, MissingSecret):
            return secret
        value = secret.get_secret_value()
        if value.startswith(_DEVELOPMENT):
            raise ValueError("this is the development value of local mode; make your own with: openssl rand -hex 32")
        if len(value) < MIN_SECRET_CHARACTERS:
            raise ValueError(f"a secret has at least {MIN_SECRET_CHARACTERS} characters; make one with: openssl rand -hex 32")
        return secret

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kafka_security_protocol.startswith("SASL") and not (self.kafka_sasl_username and self.kafka_sasl_password):
            raise ValueError("SASL needs HYDROMETER_KAFKA_SASL_USERNAME and HYDROMETER_KAFKA_SASL_PASSWORD (or ..._PASSWORD_FILE)")
        return self


class Environment(EnvSettingsSource):
    """The `HYDROMETER_*` variables of a mapping, by field. An empty variable counts as not set; a secret may be in a file.

    Raises SettingsError: for an unknown variable, a secret that is set twice, or a file that cannot be read.
    """

    def __init__(self, settings: type[BaseSettings], env: Mapping[str, str]) -> None:
        """Read from `env`. Raises SettingsError when a variable is unknown."""
        super().__init__(settings)
        self.files: dict[str, Path] = {}
        """The files that secrets were read from, by field."""
        self.env_vars = {
            name.lower(): value for name, value in env.items() if name.startswith(VARIABLE_PREFIX) and name not in _OTHERS and value
        }
        known = {name.lower() for name in _known()}
        for name in sorted(env):
            if name.lower() in self.env_vars and name.lower() not in known:
                raise _unknown(name)

    def prepare_field_value(self, field_name: str, field: FieldInfo, value: Any, value_is_complex: bool) -> Any:  # noqa: FBT001 (pydantic-settings' signature)
        """Return the value of a field: its variable's, or the content of the file that its `_FILE` variable names.

        Raises:
            SettingsError: Both variables are set, or the file cannot be read.
        """
        variable = variable_of(field_name)
        file = self.env_vars.get(f"{variable}_FILE".lower()) if is_secret(field_name) else None
        if file is None:
            return super().prepare_field_value(field_name, field, value, value_is_complex)
        if value is not None:
            raise SettingsError(f"{variable} and {variable}_FILE are both set: unset one of them")
        self.files[field_name] = Path(file)
        return read_secret(f"{variable}_FILE", Path(file))


@dataclass(frozen=True)
class Variable:
    """An environment variable: its name, default, meaning, and the roles that require it."""

    name: str
    default: str
    meaning: str
    roles: tuple[Role, ...]


def variables() -> list[Variable]:
    """Return every variable, in the order of `Settings`."""
    return [_variable(name) for name in Settings.model_fields]


def table() -> str:
    """Return all variables as a Markdown table, for the documentation."""
    return markdown.table(
        ("variable", "default", "meaning"), [(f"`{variable.name}`", variable.default, variable.meaning) for variable in variables()]
    )


def shown(settings: Settings) -> dict[str, str]:
    """Return the values of all variables, secrets as stars."""
    return {variable_of(name): _plain(getattr(settings, name)) for name in Settings.model_fields}


def variable_of(field: str) -> str:
    """Return the environment variable of a field of `Settings`."""
    return VARIABLE_PREFIX + field.upper()


def is_secret(field: str) -> bool:
    """Return whether a field of `Settings` is a secret, and may come from a file."""
    return field in SECRETS or field in OPTIONAL_SECRETS


def _plain(value: object) -> str:
    return "not set" if value is None or isinstance(value, MissingSecret) else str(value)


def _variable(name: str) -> Variable:
    field = Settings.model_fields[name]
    roles = tuple(role for role in get_args(Role) if role != "all" and name in NEEDS[cast("Role", role)])
    default = f"required by {', '.join(roles)}" if name in SECRETS else "" if field.default is None else f"`{field.default}`"
    suffix = f" Or `{variable_of(name)}_FILE`." if is_secret(name) else ""
    return Variable(variable_of(name), default, f"{field.description}{suffix}", roles)


def read_secret(variable: str, path: Path) -> str:
    """Return the secret in a file. Raises SettingsError, which names the variable, when it cannot be read or is empty."""
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise SettingsError(f"{variable}: cannot read {path} ({reason}): point it at a file that holds the secret") from error
    if not secret:
        raise SettingsError(f"{variable}: {path} is empty: write the secret into it")
    return secret


def _known() -> list[str]:
    names = [variable_of(field) for field in Settings.model_fields]
    return names + [f"{variable_of(field)}_FILE" for field in Settings.model_fields if is_secret(field)]


def _unknown(variable: str) -> SettingsError:
    known = [name.removeprefix(VARIABLE_PREFIX) for name in _known()]  # the common prefix would make all names similar
    near = difflib.get_close_matches(variable.removeprefix(VARIABLE_PREFIX), known, n=1)
    hint = f"did you mean {VARIABLE_PREFIX}{near[0]}?" if near else "`hydrometer doctor --settings` lists all variables"
    return SettingsError(f"unknown variable {variable}: {hint}")


_WORDS: Mapping[str, str] = {
    "literal_error": "{expected}",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "bool_parsing": "true or false",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than_equal": "at most {le:g}",
    "string_too_short": "{min_length} character or more",
}
"""What a value must be, by pydantic's type of error."""


def _missing(field: str) -> SettingsError:
    name = variable_of(field)
    # a password of another server cannot be generated here
    source = "the password of HYDROMETER_CLICKHOUSE_USER" if field == "clickhouse_password" else "openssl rand -hex 32"
    return SettingsError(f"{name} is not set: set it or {name}_FILE ({source}), or HYDROMETER_MODE=local to try things here")


def _first_problem(error: ValidationError) -> SettingsError:
    """Return the first problem in one line, without the value: it may be a secret in the wrong variable."""
    first = error.errors(include_url=False, include_input=False)[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "string_pattern_mismatch":
        message = f"it must look like its default, {Settings.model_fields[field].default}"
    elif first["type"] in _WORDS:
        message = "it must be " + _WORDS[first["type"]].format(**first.get("ctx", {}))
    return SettingsError(f"{variable_of(field)}: {message}" if field else message)
