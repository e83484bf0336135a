"""Grades PyTorch hand-ins against hidden specs; the verdict is computed where the hand-in never runs."""

__version__ = "0.1.0"
