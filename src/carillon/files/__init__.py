"""Files in and out: contact lists (CSV, XLSX, Parquet) and exports.

The modules here read and write files and nothing else; they never see the database.
"""
