"""A module has a test module of its own, in the same room under tests/; those that have none yet are listed, and the list only shrinks."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
WITHOUT_MIRROR: Final = frozenset(
    [
        "streams/cases/hypothesis.py",
        "streams/cases/response_steps.py",
        "streams/cases/views/html.py",
        "streams/cases/views/recorded.py",
        "streams/cli/checkout.py",
        "streams/cli/commands.py",
        "streams/cli/demo.py",
        "streams/cli/export.py",
        "streams/cli/forget.py",
        "streams/cli/install.py",
        "streams/cli/keys.py",
        "streams/cli/label.py",
        "streams/cli/new.py",
        "streams/cli/replay.py",
        "streams/cli/setup.py",
        "streams/cli/worker.py",
        "streams/core/errors.py",
        "streams/core/output.py",
        "streams/core/private_file.py",
        "streams/core/queries.py",
        "streams/core/tls.py",
        "streams/demo/campaigns.py",
        "streams/demo/cast.py",
        "streams/demo/log.py",
        "streams/demo/prompts.py",
        "streams/demo/scene.py",
        "streams/demo/schedule.py",
        "streams/demo/stacks.py",
        "streams/demo/words.py",
        "streams/desk/deeds.py",
        "streams/desk/pictures.py",
        "streams/desk/queries.py",
        "streams/desk/serve.py",
        "streams/devserver/access.py",
        "streams/devserver/body.py",
        "streams/devserver/engine.py",
        "streams/devserver/passage.py",
        "streams/devserver/request.py",
        "streams/devserver/system.py",
        "streams/enforcement/connector.py",
        "streams/enforcement/connectors/csv.py",
        "streams/enforcement/connectors/envoy.py",
        "streams/enforcement/connectors/kong.py",
        "streams/enforcement/connectors/litellm.py",
        "streams/enforcement/connectors/webhook.py",
        "streams/enforcement/engine.py",
        "streams/enforcement/litellm_hook.py",
        "streams/enforcement/orders.py",
        "streams/exports/erasure.py",
        "streams/features/derived.py",
        "streams/features/members.py",
        "streams/features/needs.py",
        "streams/features/shared_links.py",
        "streams/forensics/calibration.py",
        "streams/forensics/compare.py",
        "streams/forensics/errors.py",
        "streams/forensics/litellm_hook.py",
        "streams/forensics/page.py",
        "streams/intake/formats/azure.py",
        "streams/intake/formats/bedrock.py",
        "streams/intake/formats/canonical.py",
        "streams/intake/formats/cloudflare.py",
        "streams/intake/formats/envelopes.py",
        "streams/intake/formats/format.py",
        "streams/intake/formats/helicone.py",
        "streams/intake/formats/kong.py",
        "streams/intake/formats/langfuse.py",
        "streams/intake/formats/openrouter.py",
        "streams/intake/formats/portkey.py",
        "streams/intake/formats/tgi.py",
        "streams/intake/formats/vertex.py",
        "streams/intake/formats/vllm.py",
        "streams/intake/serve.py",
        "streams/intake/unpacking.py",
        "streams/schema/cases.py",
        "streams/schema/erasures.py",
        "streams/schema/ipc.py",
        "streams/schema/layout_check.py",
        "streams/kafka/log_range.py",
        "streams/schema/names.py",
        "streams/schema/reports.py",
        "streams/stages/accounts/archive.py",
        "streams/stages/accounts/claims.py",
        "streams/stages/accounts/counting.py",
        "streams/stages/erased_accounts.py",
        "streams/stages/accounts/group_rows.py",
        "streams/stages/accounts/score_rows.py",
        "streams/stages/accounts/state.py",
        "streams/stages/accounts/votes.py",
        "streams/stages/chunks.py",
        "streams/stages/groups/announcements.py",
        "streams/stages/groups/counting.py",
        "streams/stages/groups/member_rows.py",
        "streams/stages/groups/work.py",
        "streams/stages/stage.py",
        "streams/testing/builders.py",
        "streams/testing/certificates.py",
        "streams/testing/counting.py",
        "streams/testing/destination.py",
        "streams/testing/durability.py",
        "streams/testing/feature_trial.py",
        "streams/testing/forensics_tables.py",
        "streams/testing/processes.py",
        "streams/worker/agents/accounts.py",
        "streams/worker/agents/cases.py",
        "streams/worker/agents/groups.py",
        "streams/worker/agents/store.py",
        "streams/worker/fetch_wait.py",
        "streams/worker/ordered_input.py",
        "streams/worker/report.py",
        "streams/worker/source.py",
        "streams/worker/stages.py",
        "streams/worker/supervisor.py",
        "models/detector_registry.py",
        "models/evidence/families.py",
        "models/evidence/prevalence.py",
        "models/learning/shadow.py",
    ]
)
"""Modules that other tests run (of their stage, command or contract), without a test module of their own. Never add to it."""


def without_mirror() -> set[str]:
    """Return the modules of streams/ and models/ that have no `tests/<room>/test_<module>.py`."""
    modules = [path for room in ("streams", "models") for path in (ROOT / room).rglob("*.py") if not path.stem.startswith("__")]
    names = [path.relative_to(ROOT) for path in modules]
    return {str(name) for name in names if runs(name) and not (ROOT / "tests" / name.parent / f"test_{name.stem}.py").exists()}


def runs(name: Path) -> bool:
    """Return whether a module has a function or class: constants alone have nothing that a test could run."""
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in tree.body)


def test_a_new_module_has_a_mirrored_test() -> None:
    missing = sorted(without_mirror() - WITHOUT_MIRROR)
    assert not missing, f"write {', '.join('tests/' + name.replace(Path(name).name, 'test_' + Path(name).name) for name in missing)}"


def test_a_module_with_a_mirrored_test_leaves_the_list() -> None:
    assert not WITHOUT_MIRROR - without_mirror(), "take them out of WITHOUT_MIRROR: the list only shrinks"
