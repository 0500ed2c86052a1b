"""Boxes that are containers of a Docker engine: the level for code that a model wrote."""
