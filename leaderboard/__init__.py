"""Scores and standings: the JSON record, the folder it lives in, the ranking, tables and pages.

Imports nothing of the grader, torch or pytest, and nothing at all until a module is asked for.
"""
