"""What comes back: replies, bounces, complaints, opens and clicks become events."""
