"""What every table is made of."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData, Text, func
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

metadata = MetaData()

Id = BigInteger().with_variant(Integer, "sqlite")
Moment = Text().with_variant(TIMESTAMP(timezone=True), "postgresql")
Json = Text().with_variant(JSONB(), "postgresql")

NOW = func.now()
