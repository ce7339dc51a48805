"""What a database says of a fault, in our words."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from carillon.errors import CarillonError
from carillon.workspace import Workspace


def test_a_fault_does_not_repeat_the_row(workspace: Workspace) -> None:
    """It ends up on screens and in logs, where nobody's address belongs."""
    insert = text("insert into contacts (id, email, external_id, status) values (:id, :email, :who, :status)")

    def twice(connection) -> None:  # type: ignore[no-untyped-def]
        for number in (1, 2):
            values = {"id": number, "email": "ann@example.com", "who": "P-7733", "status": "active"}
            connection.execute(insert, values)

    def nobody(connection) -> None:  # type: ignore[no-untyped-def]
        connection.execute(insert, {"id": 3, "email": "ann@example.com", "who": "P-7733", "status": None})

    for work in (twice, nobody):
        with pytest.raises(CarillonError) as caught:
            workspace.database.write(work)
        assert "ann@" not in str(caught.value)
        assert "P-7733" not in str(caught.value)
        assert "contacts" in str(caught.value)
