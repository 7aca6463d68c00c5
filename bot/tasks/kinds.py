"""Everyday words for kinds of things, and which of ImageNet's 1000 classes they stand for.

ImageNet knows 118 dogs and no "dog": these words are ours. Knows nothing of how names are matched
(:mod:`bot.tasks.imagenet`).
"""

from __future__ import annotations

import functools

TITLES = {
    7: "rooster",
    101: "tusker elephant",
    134: "crane (bird)",
    263: "Pembroke Welsh corgi",
    264: "Cardigan Welsh corgi",
    281: "tabby cat",
    296: "polar bear",
    339: "sorrel horse",
    341: "pig",
    408: "amphibious vehicle",
    412: "trash can",
    456: "archer's bow",
    480: "cash machine",
    487: "mobile phone",
    517: "crane (machine)",
    527: "desktop computer",
    608: "jeans",
    610: "T-shirt",
    638: "maillot (tights)",
    639: "tank suit",
    661: "Model T car",
    673: "computer mouse",
    680: "bottle teat",
    697: "pyjamas",
    724: "pirate ship",
    726: "carpenter's plane",
    829: "tram",
    850: "teddy bear",
    998: "ear of corn",
}
"""What a class is called here, where WordNet's first name for it would be taken for another thing
or is little known."""

# Words for a kind: the classes that it may be.
_TABLE = """
animal, creature, beast: 0-397
fish: 0-6, 389-397
ray: 5, 6
bird: 7-24, 80-100, 127-146
songbird: 10-20
bird of prey, raptor: 21-24
chicken, poultry: 7, 8
grouse: 80-83
parrot: 87-90
duck: 97, 98
stork: 127, 128
heron: 131-133
wading bird, wader: 127-135, 139-143
seabird: 144, 146
reptile: 33-68
amphibian: 25-32
salamander: 25-29
frog, toad: 30-32
turtle, tortoise: 33-37
lizard: 38-48
crocodilian: 49, 50
dinosaur: 51
snake, serpent: 52-68
arachnid: 70-78
spider: 72-77
marsupial: 104-106
mammal: 101-106, 147-299, 330-388
worm: 110, 111
mollusc, mollusk, shellfish: 112-117
crustacean: 118-126
crab: 118-121, 125
lobster: 122, 123
whale: 147, 148
seal: 150
dog, puppy, pup, doggy, doggo: 151-268
hound: 160-177
terrier: 179-195, 199-204
spaniel: 156, 215, 217-221
retriever: 205-209
setter: 212-214
poodle: 265-267
corgi: 263, 264
husky: 248, 250
wolf: 269-271
wild dog: 273-275
fox: 277-280
cat, kitten, kitty, pussycat, house cat: 281-285
big cat, wildcat, wild cat: 286-293
bear: 294-297
insect, bug: 300-326
beetle: 300-307
butterfly: 321-326
rabbit, bunny: 330-332
rodent: 333-338
horse, pony, stallion, mare: 339
piglet: 341
cow, cattle, bull: 345
sheep: 348, 349
goat: 350
antelope: 351-353
primate: 365-384
ape: 365-369
monkey: 370-382
lemur: 383, 384
elephant: 101, 385, 386
panda: 388
pet: 1, 151-268, 281-285, 332, 333, 338
aircraft, airplane, aeroplane, plane, jet: 404, 895
vehicle: 407, 436, 444, 468, 511, 555, 569, 573, 609, 627, 654, 656, 665, 670, 671, 717, 751, \
779, 802, 817, 820, 829, 847, 864, 866, 867, 870
car, automobile, auto: 436, 468, 511, 609, 627, 656, 661, 751, 817
truck, lorry: 555, 569, 717, 864, 867
van: 656, 675, 734
bus: 654, 779, 874
train, railway: 466, 547, 705, 820
locomotive: 547, 820
bicycle, bike, cycle: 444, 671
motorcycle, motorbike: 665, 670
boat: 472, 484, 554, 576, 625, 814, 871, 914
ship: 403, 510, 628, 724, 780
sailboat, sailing boat, yacht: 484, 780, 871, 914
spaceship, spacecraft, space ship, rocket: 812
building: 425, 449, 483, 497, 498, 580, 624, 663, 668, 698, 727, 743, 762
house, home, cottage, hut: 500, 660, 853, 915
temple, pagoda: 832
bridge: 821, 839, 888
shop, store: 415, 454, 467, 509, 582, 788, 860, 865
landscape, scenery, nature: 970, 972-980
mountain: 970, 980
beach, coast: 977, 978
sea, ocean: 973, 978
lake: 975
musical instrument, music: 401, 402, 420, 432, 486, 513, 541, 546, 558, 566, 577, 579, 593, 594, \
641, 642, 683, 684, 687, 699, 776, 822, 875, 881, 889
guitar: 402, 546
piano: 579, 881
food, meal, dish: 924-938, 959, 962-965
fruit: 948-957
apple: 948
vegetable: 936-946
squash: 940-942
pumpkin: 607
bread: 930-932
cake, dessert, pudding: 927-929
soup: 925, 926
pasta: 959
potato: 935
hamburger, burger: 933
drink, beverage: 966, 967, 969
wine: 966
coffee: 967
fungus, toadstool: 947, 991-997
flower, blossom: 985, 986
clothes, clothing, outfit: 399, 400, 474, 501, 568, 578, 601, 608, 610, 614, 617, 652, 655, 689, \
697, 735, 834, 841, 869
dress: 578, 601
trousers, pants: 608
hat: 439, 452, 515, 667, 808
shoe, footwear: 502, 514, 630, 770, 774
swimsuit, bathing suit: 445, 639, 842
helmet: 518, 560
spectacles, eyeglasses: 837
bag, handbag: 414, 636, 728, 748
watch: 531, 826
clock: 409, 530, 604, 892
furniture: 423, 431, 453, 493, 495, 516, 520, 526, 532, 559, 564, 765, 831, 846, 857, 894
chair, seat: 423, 559, 765, 857
table: 532, 736
sofa, couch: 831
bed: 516, 520, 564, 831
cupboard, cabinet: 495, 648, 894
lamp: 818, 846
computer: 527, 590, 620, 681
keyboard: 508, 878
telephone, phone: 487, 528, 707
camera: 732, 759
ball: 429, 430, 522, 574, 722, 768, 805, 852, 890
football: 768, 805
toy, doll: 850
tool: 477, 587, 596, 740, 784, 792
knife: 499, 623
gun, firearm: 413, 763, 764
weapon: 413, 456, 471, 596, 657, 763, 764
glass: 441, 572
book: 917, 921
sport, game: 429, 430, 574, 722, 736, 746, 752, 768, 805, 852, 890
sportsman, player: 981
diver: 983
bridegroom, husband, wedding: 982
person, people, human, man, woman: 981-983
"""


@functools.cache
def kinds() -> dict[str, tuple[int, ...]]:
    """Return the numbers of the classes that each word stands for, by word."""
    found: dict[str, tuple[int, ...]] = {}
    for line in _TABLE.strip().splitlines():
        words, _, ranges = line.partition(": ")
        numbers = tuple(number for part in ranges.split(", ") for number in _range(part))
        found |= dict.fromkeys(words.split(", "), numbers)
    return found


def _range(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)
