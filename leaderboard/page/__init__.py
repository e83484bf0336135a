"""The standings as a folder of HTML pages: scores and an event in, files out.

`names` says what a file is called, `model` what a page knows, `gather` builds that from the scores,
`charts` draws it, `render` makes HTML of it, `build` writes the files, and `live` keeps them fresh
and serves them.
"""
