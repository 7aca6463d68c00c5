"""Discord's own errors, with its codes, statuses and body shape.

DiscordError          what the bot is told, as Discord would tell it
RefusedByClient       what a person's Discord client refuses before anything is sent
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]


class DiscordError(Exception):
    """An answer other than success, in the words of Discord's REST API."""

    def __init__(
        self, status: int, code: int, message: str, errors: dict[str, Any] | None = None
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors

    def body(self) -> dict[str, Any]:
        """Returns the JSON body that goes with the status."""
        body: dict[str, Any] = {"message": self.message, "code": self.code}
        if self.errors:
            body["errors"] = self.errors
        return body


class RefusedByClient(Exception):
    """A person's action that their Discord client would not send; its message is for them."""


@dataclass(slots=True)
class FormErrors:
    """Collects what is wrong with a form and nests it as Discord does (error 50035)."""

    tree: dict[str, Any] = field(default_factory=dict)

    def add(self, path: Path, code: str, message: str) -> None:
        """Notes one fault at a path such as ("embeds", 0, "title")."""
        node = self.tree
        for step in path:
            node = node.setdefault(str(step), {})
        node.setdefault("_errors", []).append({"code": code, "message": message})

    def too_long(self, path: Path, limit: int) -> None:
        """Notes a text of more than `limit` characters."""
        self.add(path, "BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer in length.")

    def bad_length(self, path: Path, low: int, high: int) -> None:
        """Notes a text or list whose length is outside low..high."""
        message = f"Must be between {low} and {high} in length."
        self.add(path, "BASE_TYPE_BAD_LENGTH", message)

    def required(self, path: Path) -> None:
        """Notes something that must be there and is not."""
        self.add(path, "BASE_TYPE_REQUIRED", "This field is required")

    def raise_if_any(self, prefix: Path = ()) -> None:
        """Raises error 50035 if anything was noted, under `prefix` in the body."""
        if not self.tree:
            return
        tree = self.tree
        for step in reversed(prefix):
            tree = {str(step): tree}
        raise DiscordError(400, 50035, "Invalid Form Body", tree)


def invalid_form(path: Path, code: str, message: str) -> DiscordError:
    """Makes an error 50035 with a single fault."""
    errors = FormErrors()
    errors.add(path, code, message)
    return DiscordError(400, 50035, "Invalid Form Body", errors.tree)


def unauthorised() -> DiscordError:
    """Makes the answer to a wrong or missing bot token."""
    return DiscordError(401, 0, "401: Unauthorized")


def unknown_channel() -> DiscordError:
    """Makes error 10003."""
    return DiscordError(404, 10003, "Unknown Channel")


def unknown_guild() -> DiscordError:
    """Makes error 10004."""
    return DiscordError(404, 10004, "Unknown Guild")


def unknown_message() -> DiscordError:
    """Makes error 10008."""
    return DiscordError(404, 10008, "Unknown Message")


def unknown_user() -> DiscordError:
    """Makes error 10013."""
    return DiscordError(404, 10013, "Unknown User")


def unknown_webhook() -> DiscordError:
    """Makes error 10015: the interaction was never answered, or is another application's."""
    return DiscordError(404, 10015, "Unknown Webhook")


def unknown_interaction() -> DiscordError:
    """Makes error 10062: the first answer came after three seconds, or to nothing."""
    return DiscordError(404, 10062, "Unknown interaction")


def unknown_command() -> DiscordError:
    """Makes error 10063."""
    return DiscordError(404, 10063, "Unknown application command")


def already_acknowledged() -> DiscordError:
    """Makes error 40060: an interaction takes one first answer."""
    return DiscordError(400, 40060, "Interaction has already been acknowledged.")


def expired_token() -> DiscordError:
    """Makes error 50027: an interaction's token is good for fifteen minutes."""
    return DiscordError(401, 50027, "Invalid Webhook Token")


def empty_message() -> DiscordError:
    """Makes error 50006."""
    return DiscordError(400, 50006, "Cannot send an empty message")


def not_the_author() -> DiscordError:
    """Makes error 50005."""
    return DiscordError(403, 50005, "Cannot edit a message authored by another user")


def too_large() -> DiscordError:
    """Makes error 40005: an attachment above the limit."""
    return DiscordError(413, 40005, "Request entity too large")
