"""The work of every agent as plain functions and classes: no broker, no clock, no faust."""
