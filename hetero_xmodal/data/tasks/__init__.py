"""Preparation of data sets for each task."""
