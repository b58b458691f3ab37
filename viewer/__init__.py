"""The window and the command line. The only room that knows Qt, and only in the files that show something."""
