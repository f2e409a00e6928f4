"""Panels, boards, alert rules and runbooks for Grafana."""
