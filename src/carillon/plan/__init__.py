"""Which email, which contact, which day."""
