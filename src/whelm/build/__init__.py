"""Floor 6: the recipes, the planner of the whole, and the report. See README.md."""
