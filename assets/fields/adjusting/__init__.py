"""A description changed by people: keys, what they may say, and what that makes of it."""
