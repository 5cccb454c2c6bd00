"""Stories of the pages, in a real browser: `make browser`."""
