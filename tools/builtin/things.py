"""Knows what the built-in model can draw: things, styles and background colours, and how people say
them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Thing:
	"""One thing: the icon's name in both packs, and the words a person uses for it, the best
	first."""

	icon: str
	words: tuple[str, ...]


@dataclass(frozen=True)
class Style:
	"""One drawing style: a pack of icons with its licence, and the word that asks for it."""

	word: str
	package: str
	licence: str


STYLES = (
	Style('shaded', '@iconify-json/noto', 'Apache-2.0'),
	Style('flat', '@iconify-json/fluent-emoji-flat', 'MIT'),
)

# Twelve names that people use, each with the middle of its range in sRGB.
COLOURS = {
	'red': (214, 58, 52),
	'orange': (242, 145, 54),
	'yellow': (250, 218, 84),
	'green': (92, 176, 96),
	'teal': (62, 160, 160),
	'blue': (72, 124, 214),
	'purple': (140, 96, 196),
	'pink': (244, 162, 190),
	'brown': (140, 100, 70),
	'grey': (150, 152, 156),
	'black': (26, 26, 30),
	'white': (246, 246, 244),
}


def thing(icon: str, *words: str) -> Thing:
	return Thing(icon, words or (icon.replace('-', ' '),))


THINGS = (
	thing('red-apple', 'red apple', 'apple'),
	thing('green-apple', 'green apple'),
	thing('banana'),
	thing('strawberry'),
	thing('cherries', 'cherries', 'cherry'),
	thing('lemon'),
	thing('watermelon', 'watermelon', 'slice of watermelon'),
	thing('pineapple'),
	thing('carrot'),
	thing('tomato'),
	thing('avocado'),
	thing('pizza', 'pizza', 'slice of pizza'),
	thing('hamburger', 'hamburger', 'burger'),
	thing('doughnut', 'doughnut', 'donut'),
	thing('birthday-cake', 'birthday cake', 'cake'),
	thing('cupcake'),
	thing('lollipop'),
	thing('teapot'),
	thing('hot-beverage', 'cup of coffee', 'coffee', 'cup of tea'),
	thing('wine-glass', 'wine glass', 'glass of wine'),
	thing('cat-face', 'cat'),
	thing('dog-face', 'dog'),
	thing('fox'),
	thing('lion'),
	thing('panda'),
	thing('frog'),
	thing('pig-face', 'pig'),
	thing('rabbit-face', 'rabbit', 'bunny'),
	thing('owl'),
	thing('penguin'),
	thing('duck'),
	thing('flamingo'),
	thing('octopus'),
	thing('crab'),
	thing('spouting-whale', 'whale'),
	thing('dolphin'),
	thing('tropical-fish', 'tropical fish', 'fish'),
	thing('turtle'),
	thing('snail'),
	thing('butterfly'),
	thing('honeybee', 'bee'),
	thing('lady-beetle', 'ladybird', 'ladybug'),
	thing('elephant'),
	thing('unicorn'),
	thing('cactus'),
	thing('tulip'),
	thing('sunflower'),
	thing('rose'),
	thing('mushroom', 'mushroom', 'toadstool'),
	thing('four-leaf-clover', 'four leaf clover', 'clover'),
	thing('palm-tree', 'palm tree'),
	thing('evergreen-tree', 'evergreen tree', 'fir tree'),
	thing('rainbow'),
	thing('sun'),
	thing('crescent-moon', 'crescent moon', 'moon'),
	thing('star'),
	thing('cloud'),
	thing('snowflake'),
	thing('snowman-without-snow', 'snowman'),
	thing('fire', 'fire', 'flame'),
	thing('rocket'),
	thing('sailboat', 'sailboat', 'boat'),
	thing('automobile', 'red car', 'car'),
	thing('bicycle', 'bicycle', 'bike'),
	thing('helicopter'),
	thing('house'),
	thing('castle'),
	thing('balloon', 'red balloon', 'balloon'),
	thing('umbrella'),
	thing('violin'),
	thing('guitar'),
	thing('crown'),
	thing('key'),
	thing('light-bulb', 'light bulb'),
	thing('red-heart', 'red heart', 'heart'),
	thing('blue-heart', 'blue heart'),
	thing('yellow-heart', 'yellow heart'),
	thing('green-heart', 'green heart'),
	thing('robot'),
	thing('teddy-bear', 'teddy bear'),
)
