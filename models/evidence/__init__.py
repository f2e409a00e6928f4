"""From counts to evidence in nats: references, calibration, links, cohorts, evenness."""
