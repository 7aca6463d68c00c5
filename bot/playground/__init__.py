"""A Discord of our own on loopback: to it the bot is just another Discord application."""
