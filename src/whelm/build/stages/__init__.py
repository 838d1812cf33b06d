"""The stages of the recipe `assistant`, one module each: what a stage imports is what its key depends on."""
