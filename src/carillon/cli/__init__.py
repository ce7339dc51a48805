"""The command line: what a person types and sees. No rule of mail lives here.

Start-up is kept short: a command imports what it needs (Polars, SQLAlchemy, the ZIP data) when it runs.
"""
