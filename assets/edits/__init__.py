"""Changes that can be taken back: one file, one family of edits, and the history that keeps them."""
