"""The only room that reads prompt text: normalise, sketch, pseudonymise, fingerprint. Its output has keyed hashes and no text."""
