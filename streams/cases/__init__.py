"""From evidence to a decision: alerts, linking into cases, what a case says, labels, response steps, and the audit chain."""
