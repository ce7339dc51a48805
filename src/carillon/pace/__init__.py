"""Which mailbox, which minute."""
