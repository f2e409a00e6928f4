"""Log formats: one small module each, with NAME, `recognise(object) -> bool` and `to_canonical(object) -> dict`."""
