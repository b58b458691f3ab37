"""Dialogs: one file, one dialog. None of them reports an error; that is the bar in the window."""
