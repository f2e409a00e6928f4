"""Cases as people read them: on a terminal, as a page, live."""
