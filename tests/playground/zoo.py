"""A small real discord.py bot that the playground's tests drive."""

from __future__ import annotations

import asyncio
import io

import discord
from discord import app_commands

FRUIT = ("apple", "apricot", "banana", "cherry")


class Zoo(discord.Client):
    """A client with one command for each thing that the playground must do."""

    def __init__(self, intents: discord.Intents | None = None) -> None:
        super().__init__(
            intents=intents or discord.Intents.default(),
            allowed_mentions=discord.AllowedMentions.none(),
            guild_ready_timeout=0,
        )
        self.tree = app_commands.CommandTree(self)
        self.ready, self.resumed = asyncio.Event(), asyncio.Event()
        self.connects = 0
        self.heard: asyncio.Queue[discord.Message] = asyncio.Queue()
        self.edited: asyncio.Queue[discord.RawMessageUpdateEvent] = asyncio.Queue()
        self.deleted: asyncio.Queue[int] = asyncio.Queue()
        self.failures: asyncio.Queue[BaseException] = asyncio.Queue()
        self.gate = asyncio.Event()  # commands that wait, wait for this
        self.tree.error(self.on_app_command_error)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        pass  # discord.py waits five seconds here before it identifies again

    async def setup_hook(self) -> None:
        for command in SLASH:
            self.tree.add_command(command)
        for menu in MENUS:
            self.tree.add_command(menu)
        self.tree.add_command(Model())
        await self.tree.sync()

    async def on_ready(self) -> None:
        self.ready.set()

    async def on_connect(self) -> None:
        self.connects += 1

    async def on_resumed(self) -> None:
        self.resumed.set()

    async def on_message(self, message: discord.Message) -> None:
        self.heard.put_nowait(message)

    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        self.edited.put_nowait(event)

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        self.deleted.put_nowait(event.message_id)

    async def on_app_command_error(
        self, interaction: discord.Interaction[Zoo], error: app_commands.AppCommandError
    ) -> None:
        self.failures.put_nowait(error.__cause__ or error)


Ask = discord.Interaction[Zoo]


@app_commands.command(description="Says it back")
async def echo(interaction: Ask, text: str, loud: bool = False, private: bool = False) -> None:
    said = text.upper() if loud else text
    await interaction.response.send_message(said, ephemeral=private)


@app_commands.command(description="Streams an answer")
async def stream(interaction: Ask, parts: app_commands.Range[int, 1, 9] = 3) -> None:
    await interaction.response.defer()
    for number in range(1, parts + 1):
        await interaction.edit_original_response(content=" ".join(map(str, range(1, number + 1))))


@app_commands.command(description="Defers, then follows up with other flags")
@app_commands.choices(
    how=[app_commands.Choice(name=n, value=n) for n in ("follow", "edit", "delete")]
)
async def later(interaction: Ask, how: app_commands.Choice[str], private: bool) -> None:
    await interaction.response.defer(ephemeral=private)
    if how.value == "edit":
        await interaction.edit_original_response(content="edited")
    if how.value == "delete":
        await interaction.delete_original_response()
    await interaction.followup.send("first", ephemeral=not private)
    message = await interaction.followup.send("second", ephemeral=not private, wait=True)
    await message.edit(content="second, edited")


@app_commands.command(description="Follows up many times")
async def more(interaction: Ask, times: int) -> None:
    await interaction.response.send_message("well")
    text = f"sent {times}"
    for sent in range(times):
        try:
            await interaction.followup.send("more")
        except discord.HTTPException as error:
            text = f"sent {sent}, then {error.code}"
            break
    await interaction.edit_original_response(content=text)


@app_commands.command(description="Turns a file round")
async def mirror(interaction: Ask, image: discord.Attachment) -> None:
    data = await image.read()
    about = f"{image.filename} {image.size} {image.content_type} {image.width}x{image.height}"
    file = discord.File(io.BytesIO(data[::-1]), "mirrored.bin", description=f"alt: {about}")
    await interaction.response.send_message(about, file=file)


@app_commands.command(description="Sends two files, then keeps one")
async def gallery(interaction: Ask) -> None:
    one = discord.File(io.BytesIO(b"one"), "one.txt", description="the first")
    two = discord.File(io.BytesIO(b"two"), "two.txt")
    await interaction.response.send_message("both", files=[one, two])
    message = await interaction.original_response()
    three = discord.File(io.BytesIO(b"three"), "three.txt")
    await message.edit(content="kept", attachments=[message.attachments[0], three])


@app_commands.command(description="Shows an embed with a picture of its own")
async def card(interaction: Ask) -> None:
    embed = discord.Embed(title="A card", description="with a picture", colour=0x5865F2)
    embed.add_field(name="field", value="value").set_image(url="attachment://dot.png")
    file = discord.File(io.BytesIO(b"not really a picture"), "dot.png")
    await interaction.response.send_message(embed=embed, file=file)


@app_commands.command(description="Picks a fruit")
async def fruit(interaction: Ask, name: str) -> None:
    await interaction.response.send_message(name)


@fruit.autocomplete("name")
async def suggest_fruit(interaction: Ask, typed: str) -> list[app_commands.Choice[str]]:
    if typed == "late":
        interaction.client.gate.set()
        await asyncio.Event().wait()
    return [app_commands.Choice(name=f, value=f) for f in FRUIT if f.startswith(typed)]


@app_commands.command(description="Waits for the gate before it answers")
async def wait(interaction: Ask) -> None:
    await interaction.client.gate.wait()
    await interaction.response.send_message("at last")


@app_commands.command(description="Answers twice")
async def twice(interaction: Ask) -> None:
    await interaction.response.send_message("once")
    again = interaction.client.http._HTTPClient__session  # type: ignore[attr-defined]
    url = f"{discord.http.Route.BASE}/interactions/{interaction.id}/{interaction.token}/callback"
    async with again.post(url, json={"type": 4, "data": {"content": "again"}}) as response:
        error = await response.json()
    await interaction.followup.send(f"{response.status} {error['code']}")


@app_commands.command(description="Writes this many characters")
async def write(interaction: Ask, length: int) -> None:
    await interaction.response.send_message("x" * length)


@app_commands.command(description="Shows what an interaction carries")
async def about(interaction: Ask) -> None:
    facts = {
        "limit": interaction.filesize_limit,
        "guild": interaction.guild_id is not None,
        "context": "dm" if interaction.context.dm_channel else "guild",
        "manage": interaction.permissions.manage_guild,
        "locale": str(interaction.locale),
        "send": interaction.app_permissions.send_messages,
        "installed": interaction.is_guild_integration(),
    }
    await interaction.response.send_message(" ".join(f"{k}={v}" for k, v in facts.items()))


@app_commands.command(description="For managers")
@app_commands.default_permissions(manage_guild=True)
async def manage(interaction: Ask) -> None:
    await interaction.response.send_message("managed")


@app_commands.command(description="Mentions people")
async def mention(interaction: Ask, who: discord.User, really: bool) -> None:
    allowed = discord.AllowedMentions(users=[who]) if really else discord.AllowedMentions.none()
    text = f"{who.mention} @everyone"
    await interaction.response.send_message(text, allowed_mentions=allowed)


class Panel(discord.ui.View):
    """A button, a button that defers, a select and a link."""

    def __init__(self) -> None:
        super().__init__(timeout=None)
        self.add_item(discord.ui.Button(label="Read more", url="https://example.com"))

    @discord.ui.button(label="Again", custom_id="again")
    async def again(self, interaction: Ask, button: discord.ui.Button[Panel]) -> None:
        await interaction.response.edit_message(content=f"again, for {interaction.user.name}")

    @discord.ui.button(label="Later", custom_id="later")
    async def later(self, interaction: Ask, button: discord.ui.Button[Panel]) -> None:
        await interaction.response.defer()
        await interaction.edit_original_response(content="later", view=None)

    @discord.ui.button(label="Whisper", custom_id="whisper")
    async def whisper(self, interaction: Ask, button: discord.ui.Button[Panel]) -> None:
        await interaction.response.send_message("psst", ephemeral=True)

    @discord.ui.button(label="Draw", custom_id="draw")
    async def draw(self, interaction: Ask, button: discord.ui.Button[Panel]) -> None:
        file = discord.File(io.BytesIO(b"drawn"), "drawn.txt", description="a drawing")
        await interaction.response.edit_message(attachments=[file], embed=discord.Embed(title="A"))
        await interaction.followup.send("and more")

    @discord.ui.button(label="Off", custom_id="off", disabled=True)
    async def off(self, interaction: Ask, button: discord.ui.Button[Panel]) -> None:
        raise AssertionError

    @discord.ui.select(
        custom_id="pick",
        max_values=2,
        options=[discord.SelectOption(label=f.title(), value=f) for f in FRUIT],
    )
    async def pick(self, interaction: Ask, select: discord.ui.Select[Panel]) -> None:
        await interaction.response.edit_message(content="+".join(select.values))


class Guests(discord.ui.View):
    """A select of people and one of channels."""

    @discord.ui.select(cls=discord.ui.UserSelect, custom_id="guests", max_values=3)
    async def guests(self, interaction: Ask, select: discord.ui.UserSelect[Guests]) -> None:
        names = [f"{type(who).__name__} {who.display_name}" for who in select.values]
        await interaction.response.edit_message(content=", ".join(names))

    @discord.ui.select(cls=discord.ui.ChannelSelect, custom_id="where")
    async def where(self, interaction: Ask, select: discord.ui.ChannelSelect[Guests]) -> None:
        await interaction.response.edit_message(content=str(select.values[0].name))


@app_commands.command(description="Invites people")
async def invite(interaction: Ask) -> None:
    await interaction.response.send_message("whom?", view=Guests())


@app_commands.command(description="Shows buttons and a select")
async def panel(interaction: Ask) -> None:
    await interaction.response.send_message("choose", view=Panel())


class Note(discord.ui.Modal, title="A note"):
    """A form with a text, a choice and files."""

    subject = discord.ui.TextInput[discord.ui.Modal](label="Subject", max_length=20)
    tone = discord.ui.Label[discord.ui.Modal](
        text="Tone",
        component=discord.ui.Select(
            custom_id="tone",
            options=[discord.SelectOption(label=t) for t in ("calm", "bold")],
        ),
    )
    papers = discord.ui.Label[discord.ui.Modal](
        text="Papers",
        component=discord.ui.FileUpload(custom_id="papers", required=False, max_values=2),
    )

    size = discord.ui.Label[discord.ui.Modal](
        text="Size",
        component=discord.ui.RadioGroup(
            custom_id="size",
            options=[discord.RadioGroupOption(label=s, value=s) for s in ("small", "large")],
            required=False,
        ),
    )
    urgent = discord.ui.Label[discord.ui.Modal](
        text="Urgent", component=discord.ui.Checkbox(custom_id="urgent")
    )

    async def on_submit(self, interaction: Ask) -> None:  # type: ignore[override]
        select, upload = self.tone.component, self.papers.component
        assert isinstance(select, discord.ui.Select)
        assert isinstance(upload, discord.ui.FileUpload)
        files = [await file.read() for file in upload.values]
        said = f"{self.subject.value} {select.values[0]} {[f.decode() for f in files]}"
        radio, check = self.size.component, self.urgent.component
        assert isinstance(radio, discord.ui.RadioGroup)
        assert isinstance(check, discord.ui.Checkbox)
        said += f" {radio.value} {check.value}"
        await interaction.response.send_message(said, ephemeral=True)


@app_commands.command(description="Opens a form")
async def note(interaction: Ask) -> None:
    await interaction.response.send_modal(Note())


@app_commands.command(description="A message made of components")
async def layout(interaction: Ask) -> None:
    view = discord.ui.LayoutView()
    gallery = discord.ui.MediaGallery[discord.ui.LayoutView]()
    gallery.add_item(media="attachment://one.png", description="one dot")
    inside = discord.ui.TextDisplay[discord.ui.LayoutView]("## Look")
    view.add_item(discord.ui.Container(inside, gallery))
    file = discord.File(io.BytesIO(b"dots"), "one.png", description="one dot")
    await interaction.response.send_message(view=view, file=file)


class Model(app_commands.Group):
    """Subcommands."""

    def __init__(self) -> None:
        super().__init__(name="model", description="Models")

    @app_commands.command(description="Loads one")
    async def load(self, interaction: Ask, name: str, share: float = 0.5) -> None:
        await interaction.response.send_message(f"loaded {name} {share}")


@app_commands.context_menu(name="Read text")
async def read_text(interaction: Ask, message: discord.Message) -> None:
    files = [(await file.read()).decode() for file in message.attachments]
    said = f"{message.content} {files}"
    await interaction.response.send_message(said, ephemeral=True)


@app_commands.context_menu(name="Wave")
async def wave(interaction: Ask, user: discord.User) -> None:
    picture = await user.display_avatar.read()
    await interaction.response.send_message(f"Hello {user.display_name}, {picture[1:4].decode()}")


SLASH: tuple[app_commands.Command, ...] = (  # type: ignore[type-arg]
    echo, stream, later, more, mirror, gallery, card, fruit, wait, twice, write, about,
    manage, mention, invite, panel, note, layout,
)  # fmt: skip
MENUS = (read_text, wave)
