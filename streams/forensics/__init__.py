"""Was a model trained on our answers? Statistics over answers of a suspect, of our model and of unrelated controls; never a verdict."""
