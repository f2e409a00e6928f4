"""What only tests and the authors of features need: builders, the trial of a feature, the trial of durability."""
