"""The only room that reads prompt text: normalise, sketch, pseudonymise, fingerprint; what leaves it is keyed and content-light."""
