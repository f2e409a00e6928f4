"""A copy of the checkout runs its own code, and nothing that lies beside it is copied."""

from __future__ import annotations

from pathlib import Path

from streams.testing.checkouts import copied, python


def test_the_copy_runs_its_own_code_and_has_no_other_folder(tmp_path: Path) -> None:
    checkout = copied(tmp_path, "models/state")
    assert [path.name for path in checkout.iterdir()] == ["models"]
    found = python(checkout, "-c", "import models.state.columns as code; print(code.__file__)")
    assert found.stdout == f"{checkout / 'models' / 'state' / 'columns.py'}\n", found.stderr


def test_its_pytest_has_no_plugins_but_its_own(tmp_path: Path) -> None:
    (tmp_path / "test_here.py").write_text("def test_config(pytestconfig): assert not pytestconfig.pluginmanager.list_plugin_distinfo()\n")
    assert "1 passed" in python(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider").stdout
