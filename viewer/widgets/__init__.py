"""Parts of the window that know nothing of each other."""
