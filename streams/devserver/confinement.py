"""What a statement may use: everything that stays within the tables. What reaches files, the network or other programs is refused.

The lists name what is allowed. What else an engine has it says itself (`system.table_functions`, `system.table_engines`, ...), so that what
a newer engine brings is refused until somebody allows it here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from streams.devserver.lexer import Kind, tokens, unescaped


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


TABLE_FUNCTIONS = _names(
    """
    dictionary format generate_series generaterandom generateseries input loop merge mergetreeanalyzeindexes
    mergetreeanalyzeindexesuuid mergetreecodecblockcounts mergetreeindex mergetreeprojection mergetreetextindex null numbers
    numbers_mt primes sqlstandardvalues values view viewexplain viewifpermitted zeros zeros_mt
    """
)
ENGINES = _names(
    """
    aggregatingmergetree alias atomic buffer coalescingmergetree collapsingmergetree dictionary generaterandom graphitemergetree join
    lazy log materializedview memory merge mergetree null ordinary replacingmergetree set stripelog summingmergetree tinylog
    versionedcollapsingmergetree view
    """
)
"""Of tables and of databases."""
TEXT_SETTINGS = _names(
    """
    bool_false_representation bool_true_representation column_names_for_schema_inference compatibility count_distinct_implementation
    default_format default_view_definer errors_output_format force_data_skipping_indices force_optimize_projection_name
    format_csv_null_representation format_custom_field_delimiter format_custom_result_after_delimiter
    format_custom_result_before_delimiter format_custom_row_after_delimiter format_custom_row_before_delimiter
    format_custom_row_between_delimiter format_json_object_each_row_column_for_object_name format_regexp
    format_tsv_null_representation http_response_headers ignore_data_skipping_indices input_format_mysql_dump_table_name
    input_format_orc_reader_time_zone_name insert_deduplication_token local_filesystem_read_method log_comment
    network_compression_method output_format_avro_codec output_format_avro_string_column_pattern output_format_image_terminal_mode
    output_format_orc_writer_time_zone_name output_format_pretty_grid_charset output_format_sql_insert_table_name
    preferred_optimize_projection_name query_cache_tag remote_filesystem_read_method schema_inference_hints send_logs_source_regexp
    temporary_files_codec workload
    """
)
"""Settings whose value is a text, but neither a path, an address, nor an expression."""

FIRST_WORDS = _names(
    """
    alter attach check create delete desc describe detach drop exchange exists explain from grant insert kill optimize rename replace
    revoke select set show system truncate undrop update use with
    """
)
_SYSTEM = frozenset({("flush", ""), ("drop", ""), ("clear", ""), ("reload", "dictionary"), ("reload", "dictionaries"), ("sync", "replica")})
_SOURCES = frozenset({"clickhouse", "null"})


@dataclass(frozen=True)
class Refused:
    """Names of this engine that are refused, in lower case."""

    calls: frozenset[str] = frozenset()
    """Table functions."""
    functions: frozenset[str] = frozenset()
    """Ordinary functions, which need no parentheses: `arrayMap(file, ...)`."""
    engines: frozenset[str] = frozenset()
    settings: frozenset[str] = frozenset()
    hidden: str = ""
    """A database that nobody may name: its tables are all files of this machine."""

    @classmethod
    def of(cls, ask: Callable[[str], Iterable[str]], hidden: str) -> Refused:
        """Return what an engine has and may not be used; `ask` answers a query with one column."""
        engines = [*ask("SELECT name FROM system.table_engines"), *ask("SELECT name FROM system.database_engines")]
        return cls(
            calls=_lower(ask("SELECT name FROM system.table_functions")) - TABLE_FUNCTIONS | {"disk"},
            functions=_lower(ask("SELECT name FROM system.functions WHERE name IN ('file', 'catboostEvaluate') OR name ILIKE 'ai%'")),
            engines=_lower(engines) - ENGINES,
            settings=_lower(ask(_TEXTS)) - TEXT_SETTINGS,
            hidden=hidden,
        )

    def reason(self, query: str) -> str:
        """Return why this statement is refused, or an empty text."""
        head: list[str] = []  # its first words, as they are meant, in lower case
        last: list[str] = []  # the words before this one
        sets = False
        for token in tokens(query):
            if token.kind == "blank":
                continue
            raw = query[token.start : token.end]
            word = raw if token.kind == "other" else unescaped(raw).lower()
            why = self._why(head, last, word, token.kind, sets=sets)
            if why:
                return why
            if len(head) < _HEAD_WORDS and (head or word != "("):
                head.append(word)
            last = [*last[-2:], "'" if token.kind == "string" else word]
            sets = sets or word in ("set", "settings")
        return _own_affair(head)

    def reason_in_values(self, data: str) -> str:
        """Return why the data of an INSERT in the format Values are refused: the engine evaluates them as expressions."""
        return self.reason(f"SELECT {data}")

    def _why(self, head: list[str], last: list[str], word: str, kind: Kind, *, sets: bool) -> str:  # noqa: PLR0911 (a list of reasons)
        """Return why `word`, after the words `head` and directly after the words `last`, is refused."""
        if self.hidden and self.hidden in word:
            return "it names a database that is not for clients"
        if last[-2:] == ["format", "("] and word == "values":
            return "format() evaluates Values: use another format"
        if kind == "string":
            reads = head[:1] == ["attach"] and last[-1:] == ["from"]
            return "ATTACH ... FROM would read a directory of this machine" if reads else ""
        before = last[-1] if last else ""
        if word == "(" and before in self.calls and last[-2:-1] != ["."]:
            return f"{before}() {_REACHES}"
        if kind != "other" and word in self.functions and before != ".":
            return f"{word}() {_REACHES}; write a column of this name after its table's name and a dot"
        if word == "=" and sets and before in self.settings:
            return f"the setting {before} can name files, addresses or expressions"
        if head[:1] in (["create"], ["attach"], ["replace"]):
            return self._why_not_created(head, last, word)
        return _CLAUSES.get((before, word), "")

    def _why_not_created(self, head: list[str], last: list[str], word: str) -> str:
        if word in self.engines and (last[-1:] == ["engine"] or last[-2:] == ["engine", "="]):
            return f"ENGINE = {word} {_REACHES}"
        if last[-2:] == ["source", "("] and "dictionary" in head and word not in _SOURCES:
            return f"a dictionary from {word[:40]} {_REACHES}"
        if word == "host" and "dictionary" in head:
            return f"a dictionary of another host {_REACHES}"
        return _CLAUSES.get((last[-1] if last else "", word), "")


def _own_affair(head: list[str]) -> str:
    """Return why a SYSTEM statement of these first words is refused."""
    system, second, third = (*head[:3], "", "", "")[:3]
    allowed = (
        system != "system" or (second, "") in _SYSTEM or (second, third) in _SYSTEM or (second in ("start", "stop") and third != "listen")
    )
    return "" if allowed else f"SYSTEM {second[:40].upper()} is the server's own affair: send it SIGTERM to end it"


_REACHES = "reaches files, the network or another program"
_HEAD_WORDS = 5
_CLAUSES = {
    ("into", "outfile"): "INTO OUTFILE would write a file of the server",
    ("from", "infile"): "FROM INFILE would read a file of the server",
    ("parallel", "with"): "PARALLEL WITH would start a second statement",
}
_TEXTS = "SELECT name FROM system.settings WHERE type IN ('String', 'URI', 'Map')"


def _lower(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)
