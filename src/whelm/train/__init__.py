"""Teaching a model: one loop, its schedule and its checkpoints."""
