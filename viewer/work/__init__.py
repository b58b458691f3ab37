"""Work in other processes: lanes, what runs in them, and how values cross."""
