"""Scores and standings: the JSON record, the folder it lives in, the ranking and the tables.

Imports nothing of the grader, torch or pytest, and nothing at all until a module is asked for.
"""
