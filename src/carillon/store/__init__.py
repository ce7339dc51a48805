"""The database: the only room that knows SQL.

`tables` says what is stored; one file of statements per subject says how it is read and written.
"""
