"""What may enter a golden set: checks with reasons, criteria that an answer must meet, the balance of the modes."""
