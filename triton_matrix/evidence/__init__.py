"""Every file under ``reports/``: its schema, how it is written, how it is read. No other room opens one.

schemas      the names of the schemas; ``evidence.schema.json`` says what each kind must hold
runs         a run of one level: declared, closed, and what it lacks to be a whole one
writing      the files of a cell; atlas_file: those of the atlas; atlas_runs: what was asked of it
reading      folders of files -> what was found; one that cannot be used is named. junit: one JUnit file
column       what a result is of: a cell, its Triton, another package
causes       what broke, told from a failure's message by the table causes.toml
toolchain    what a Python resolved to, and of which commit a checkout is
installed    which wheel an environment has
"""
