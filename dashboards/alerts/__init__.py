"""The alert rules, one a file, named as its runbook in `dashboards/runbooks` and its test in `tests/dashboards/alerts`."""
