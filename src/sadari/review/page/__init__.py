"""How does a person decide about pictures? A page in the browser, served to this machine alone."""
