"""One board a file, each with the panels that answer the questions of one reader. Found by themselves (`dashboards.board.boards`)."""
