"""``python -m bot``: the command line."""

if __name__ == "__main__":
    from bot.cli import main

    main()
