"""What an asset is, how it is read, changed, converted and written. No Qt, no OpenGL."""

__version__ = "0.4.0"
