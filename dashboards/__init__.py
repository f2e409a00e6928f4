"""What people see: panels, boards, alerts and runbooks."""
