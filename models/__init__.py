"""What Hydrometer computes with: columns, accumulators, evidence, calibration, links and River detectors."""
