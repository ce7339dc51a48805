"""The pages, one module each; all are imported when the server starts. `web.shell` says how one is made."""
