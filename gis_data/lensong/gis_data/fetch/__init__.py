"""The land of a scenario out of public archives.

`sources` is the table, `order` what an area needs of it, `download` one file, `fetch` all of them,
`scenario` what comes of it.
"""
