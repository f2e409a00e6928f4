"""One panel a feature, found by itself: file and feature have the same name. Boards choose from them (`dashboards.panel.panels`)."""
