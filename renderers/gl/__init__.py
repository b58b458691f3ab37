"""A thin, typed layer over OpenGL: a context, and small classes that own one GL object each and free it."""
