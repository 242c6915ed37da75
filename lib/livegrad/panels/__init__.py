"""One factory per panel, in a module per topic; `live` holds all the widget plumbing."""
