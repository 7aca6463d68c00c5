"""What a person can ask for, and what comes back: plain typed structs, one file per task group.

They cross the process border as MessagePack, so they hold text, numbers and bytes only: no Discord
object, no tensor, no open file. A request's struct tag is the name of its task.
"""
