"""Carillon: a self-hosted email scheduler."""

__version__ = "0.1.0"
