"""The settings of each recipe, apart from its model, so that a wrong setting is refused before torch is imported."""
