"""Pages for people: rendered here, with styles of our own, and no script needed."""
