"""Pages and numbers, without a browser: the application is asked in this process, and needs no servers."""
