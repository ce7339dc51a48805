"""Refresh tokens that take the place of stored ones, as some providers hand out at every use.

Whoever does not keep the new one is signed out when the old one's time is over. Nothing is written to the
audit log: nobody decided anything.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, text

from carillon.store.bulk import is_sqlite
from carillon.store.engine import Database
from carillon.vault import SecretText, Vault


def keeper(database: Database, vault: Vault, account_id: int) -> Callable[[SecretText, SecretText], None]:
    """What stores a new refresh token in place of the old one, if the old one is what is stored.

    It is not where the token comes from the environment, a person has given another one meanwhile, or
    another worker was faster.
    """

    def keep(old: SecretText, new: SecretText) -> None:
        def work(connection: Connection) -> None:
            lock = "" if is_sqlite(connection) else " for update"
            stored = connection.execute(
                text(f"select secret from accounts where id = :id{lock}"), {"id": account_id}
            ).scalar()
            if stored is not None and vault.decrypt(stored) == old:
                connection.execute(
                    text("update accounts set secret = :secret where id = :id"),
                    {"secret": vault.encrypt(new), "id": account_id},
                )

        database.write(work, durable=True)

    return keep
