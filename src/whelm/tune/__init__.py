"""Small adaptations of models that were taught elsewhere."""
