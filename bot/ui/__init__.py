"""From a request to a reply in Discord: defer, show progress, cancel, answer."""
