"""The things that the small BigGAN learns to draw: which drawing each is, and what it is called.

One line is one kind of thing, under the words for the kind. A drawing stands under its name in
Unicode; behind ``=`` comes what it is called here, the title first, where that is another name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_TABLE = """
mammal
monkey face = monkey, chimp; dog face = dog, puppy, doggy; fox; cat face = cat, kitten, kitty; \
lion; tiger face = tiger; horse face = horse, pony; unicorn; zebra; cow face = cow, cattle; pig \
face = pig, piglet; ewe = sheep, ewe; camel; giraffe; elephant; hippopotamus, hippo; mouse face \
= mouse; rabbit face = rabbit, bunny; hedgehog; bear; koala; panda
bird
chicken, hen; baby chick = chick; penguin; duck; owl; flamingo; peacock; parrot
reptile, reptile or amphibian
frog, toad; crocodile, alligator; turtle, tortoise; snake, serpent; dragon face = dragon; \
sauropod, brontosaurus; t rex = T-Rex, tyrannosaurus
sea animal, sea creature, sea life
spouting whale = whale; dolphin; fish; shark; octopus; jellyfish; crab; spiral shell = seashell, \
shell
insect, bug, creepy crawly, minibeast
snail; butterfly; honeybee, bee; lady beetle = ladybird, ladybug, lady beetle; spider
flower, blossom
rose; sunflower; tulip
plant
evergreen tree = fir tree, evergreen, pine; palm tree; cactus; mushroom, toadstool; christmas \
tree = Christmas tree
fruit
grapes; watermelon; tangerine = orange, tangerine, mandarin; lemon; banana; pineapple; red apple \
= apple, red apple; pear; cherries, cherry; strawberry
vegetable
tomato; avocado; eggplant, aubergine; carrot; ear of corn = corn, maize, ear of corn; hot pepper \
= chilli, hot pepper, chili; broccoli
food, meal, dish
croissant; cheese wedge = cheese; hamburger, burger, cheeseburger; french fries = French fries, \
chips; pizza; hot dog; cooking = fried egg, egg; popcorn; sushi
sweet, dessert
ice cream; soft ice cream = ice cream cone, soft ice; doughnut, donut; cookie, biscuit; birthday \
cake = cake, birthday cake; cupcake, muffin; chocolate bar = chocolate; candy
drink, beverage
hot beverage = coffee, tea, cup of coffee; wine glass = wine; beer mug = beer; cocktail glass = \
cocktail; glass of milk = milk
building
house, home; castle
vehicle
locomotive = train, locomotive, steam engine; bus; fire engine; taxi, cab; automobile = car, \
automobile; tractor; motorcycle, motorbike; bicycle, bike; sailboat, sailing boat; ship; \
airplane, plane, aeroplane; helicopter; rocket, spaceship; flying saucer = UFO, flying saucer
sky, weather
crescent moon = moon, crescent moon; sun; ringed planet = planet, Saturn; star; cloud; cloud \
with rain = rain, rain cloud; rainbow; snowflake; fire, flame; droplet = drop, water drop; \
umbrella with rain drops = umbrella; snow capped mountain = mountain
musical instrument, instrument
guitar; trumpet; drum; musical keyboard = piano, keyboard
clothes, clothing
t shirt = T-shirt, shirt; dress; top hat; crown; high heeled shoe = high heel, high-heeled shoe; \
running shoe = sneaker, running shoe, trainer; glasses, spectacles; sunglasses
toy, game
balloon; teddy bear; wrapped gift = present, gift; soccer ball = football, soccer ball; \
basketball; baseball; bullseye = dartboard, bullseye; video game = game controller, video game; \
game die = die, dice
tool
hammer; scissors; pencil; key
object
bomb; bell; light bulb = light bulb, lamp; open book = book; trophy; gem stone = diamond, gem; \
ring; camera; television, TV; mobile phone, smartphone; laptop; headphone = headphones; door; \
toilet; jack o lantern = jack-o'-lantern, pumpkin; anchor
face, emoji
grinning face; smiling face with heart eyes = lovestruck face, heart eyes; face with tears of \
joy = laughing face; smiling face with sunglasses = cool face; crying face; enraged face = angry \
face; nerd face; cowboy hat face = cowboy; clown face = clown; smiling face with horns = devil
being, creature
skull; ghost; alien; robot; snowman; santa claus = Santa Claus, Father Christmas; astronaut; \
pile of poo = poo
sign, symbol
red heart = heart, red heart; broken heart; mouth, lips; tooth; thumbs up; musical note = note, \
musical note; high voltage = lightning, high voltage
"""

_ABOVE = {
    "animal, beast": ("mammal", "bird", "reptile", "sea animal", "insect"),
    "pet": ("dog", "cat", "rabbit", "parrot", "fish", "turtle"),
    "dinosaur": ("sauropod", "T-Rex"),
    "big cat": ("lion", "tiger"),
    "ball": ("football", "basketball", "baseball"),
    "boat": ("sailboat", "ship"),
    "aircraft": ("airplane", "helicopter"),
    "shoe, footwear": ("high heel", "sneaker"),
    "hat": ("top hat", "crown"),
}
"""Words for several kinds or things at once."""

FAVOURITES = (
    "cat", "dog", "panda", "fox", "unicorn", "penguin", "owl", "dragon", "octopus", "butterfly",
    "sunflower", "cactus", "strawberry", "pizza", "doughnut", "cake", "castle", "car", "rocket",
    "rainbow", "guitar", "robot", "ghost", "clown", "heart",
)  # fmt: skip
"""What is offered before anything is typed."""


EXAMPLES = ("animal", "food", "vehicle")
"""The kinds that are named first."""


@dataclass(frozen=True, slots=True)
class Taught:
    """A thing: its drawing's name in Unicode, and what it is called, the title first."""

    drawing: str
    names: tuple[str, ...]


def taught() -> list[Taught]:
    """Return the things in the order of their classes."""
    return [thing for _, members in _lines() for thing in members]


def kinds() -> dict[str, tuple[int, ...]]:
    """Return the numbers of the classes that a word for a kind stands for, by word."""
    numbers = {thing.names[0]: (number,) for number, thing in enumerate(taught())}
    found: dict[str, tuple[int, ...]] = {}
    for words, members in _lines():
        found |= dict.fromkeys(words, tuple(numbers[thing.names[0]][0] for thing in members))
    for several, below in _ABOVE.items():
        joined = tuple(number for word in below for number in (found | numbers)[word])
        found |= dict.fromkeys(several.split(", "), joined)
    return {word: found[word] for word in EXAMPLES} | found


def _lines() -> Iterator[tuple[list[str], list[Taught]]]:
    lines = _TABLE.strip().splitlines()
    for words, things in zip(lines[::2], lines[1::2], strict=True):
        yield words.split(", "), [_thing(text.strip()) for text in things.split(";")]


def _thing(text: str) -> Taught:
    drawing, equals, names = text.partition(" = ")
    if equals:
        return Taught(drawing, tuple(name.strip() for name in names.split(", ")))
    called = tuple(name.strip() for name in text.split(", "))
    return Taught(called[0], called)
