"""A text of ours on which every variant of a net is measured: plain prose on everyday matters."""

TEXT = """\
The harbour wakes before the town does. By five o'clock the first boats have left their berths, and
the men who stay behind are hosing down the stones where yesterday's catch was sorted. A woman in a
yellow coat counts crates and writes the numbers on the back of her hand, because paper does not
last long in this weather. When the lorry comes, at half past six, she will read them out to the
driver, and he will nod and give her a receipt, and both of them will know that the numbers are only
nearly right.

My grandfather worked here for forty years and never learned to swim. He said that the sea was like
a neighbour with a bad temper: you greet it politely, you do not turn your back on it, and you never
step into its house without being asked. In winter he mended nets in the shed behind our kitchen. I
was allowed to hold the needle while he looked for his glasses, which were usually on his forehead.
He taught me eleven knots, of which I remember four.

Most of the sheds have been sold since then. One is a bakery now, and another rents bicycles to
visitors in the summer months. The bakery is good. Its owner came from the city because she wanted
to sleep at night, and found that bakers begin at three in the morning wherever they live. She
laughs about it when she tells the story, and she tells it often. On Saturdays there is a queue as
far as the church, and people who have not spoken for years find themselves standing next to each
other, with nothing to look at but the rain.

There is a plan to build a new pier on the north side, long enough for the ferry, so that the
islands could be reached in an hour instead of three. The council has talked about it since I was at
school. Some say that it would bring work, others that it would bring noise, and a few, who are old
and have seen many plans, say that it will bring nothing at all, because it will never be built. An
engineer came last spring with a yellow tripod and measured the bay for two weeks. She asked good
questions and wrote down the answers. Before she left, she told the woman with the crates that the
ground under the water was softer than anybody had thought, and that the cost would probably double.

So the harbour stays as it is for another year. The boats come back in the afternoon, low in the
water if the day was kind, and the gulls know it before anyone else does.
"""
