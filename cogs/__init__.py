"""One file per task group: slash commands translated into requests; nothing is computed here."""
