"""A hack day from one laptop: hand-ins arrive, wait in a queue, are graded, and have a score.

`folder` says where everything lies, and `making` makes it. `inbox` and `pushes` find what was handed in,
`clock` stamps it, `arriving` makes hand-ins of it, `intake` puts them into the queue, which `waiting`
keeps on disk. `taking_turns` says whose turn it is, `benches` grade, `desk` stores the scores, and
`running` is the loop.
"""
