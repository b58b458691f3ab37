"""The parts of the hand that drags, each without Qt but for desk.py: ../dragging.py puts them together."""
