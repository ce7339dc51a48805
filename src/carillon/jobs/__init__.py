"""What is done by itself: which job, when, by whom, and what came of it."""
