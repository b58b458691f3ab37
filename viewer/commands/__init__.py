"""What the actions do: functions that take the window, named in the table of actions."""
