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


@dataclass(frozen=True)
class Place:
	"""Where a thing stands: the words for it, its scale, its middle across (-1 to 1)."""

	word: str
	scale: tuple[float, float]
	across: float


STYLES = (
	Style('shaded', '@iconify-json/noto', 'Apache-2.0'),
	Style('flat', '@iconify-json/fluent-emoji-flat', 'MIT'),
)

# What a caption without a style means: one style, so that a plain prompt draws crisply, not a blend.
HOUSE_STYLE = 1

# Where and how large: the words, the range of the scale, and the middle of the thing from -1 (left)
# to 1 (right). The empty words are the usual place.
PLACES = (
	Place('', (0.72, 0.9), 0.0),
	Place('small', (0.38, 0.5), 0.0),
	Place('on the left', (0.48, 0.6), -0.42),
	Place('on the right', (0.48, 0.6), 0.42),
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
	thing('banana', 'banana', 'bananas'),
	thing('strawberry', 'strawberry', 'berry'),
	thing('cherries', 'cherries', 'cherry'),
	thing('lemon', 'lemon', 'citrus'),
	thing('watermelon', 'watermelon', 'slice of watermelon', 'melon'),
	thing('pineapple'),
	thing('carrot', 'carrot', 'vegetable'),
	thing('tomato'),
	thing('avocado'),
	thing('pizza', 'pizza', 'slice of pizza'),
	thing('hamburger', 'hamburger', 'burger'),
	thing('doughnut', 'doughnut', 'donut'),
	thing('birthday-cake', 'birthday cake', 'cake', 'gateau'),
	thing('cupcake', 'cupcake', 'muffin'),
	thing('lollipop', 'lollipop', 'candy', 'sweet'),
	thing('teapot', 'teapot', 'kettle'),
	thing('hot-beverage', 'cup of coffee', 'coffee', 'cup of tea', 'cup', 'mug'),
	thing('wine-glass', 'wine glass', 'glass of wine', 'wine'),
	thing('cat-face', 'cat', 'kitten', 'kitty'),
	thing('dog-face', 'dog', 'puppy'),
	thing('fox'),
	thing('lion'),
	thing('panda', 'panda', 'panda bear'),
	thing('frog', 'frog', 'toad'),
	thing('pig-face', 'pig', 'piglet'),
	thing('rabbit-face', 'rabbit', 'bunny'),
	thing('owl'),
	thing('penguin'),
	thing('duck', 'duck', 'duckling'),
	thing('flamingo'),
	thing('octopus', 'octopus', 'squid'),
	thing('crab', 'crab', 'lobster'),
	thing('spouting-whale', 'whale'),
	thing('dolphin'),
	thing('tropical-fish', 'tropical fish', 'fish'),
	thing('turtle', 'turtle', 'tortoise'),
	thing('snail'),
	thing('butterfly'),
	thing('honeybee', 'bee'),
	thing('lady-beetle', 'ladybird', 'ladybug'),
	thing('elephant', 'elephant', 'grey elephant'),
	thing('unicorn'),
	thing('cactus'),
	thing('tulip', 'tulip', 'flower'),
	thing('sunflower'),
	thing('rose', 'rose', 'red rose'),
	thing('mushroom', 'mushroom', 'toadstool'),
	thing('four-leaf-clover', 'four leaf clover', 'clover'),
	thing('palm-tree', 'palm tree'),
	thing('evergreen-tree', 'evergreen tree', 'fir tree', 'pine tree', 'tree'),
	thing('rainbow'),
	thing('sun', 'sun', 'sunshine'),
	thing('crescent-moon', 'crescent moon', 'moon'),
	thing('star', 'star', 'yellow star'),
	thing('cloud'),
	thing('snowflake'),
	thing('snowman-without-snow', 'snowman'),
	thing('fire', 'fire', 'flame', 'campfire'),
	thing('rocket', 'rocket', 'spaceship'),
	thing('sailboat', 'sailboat', 'boat', 'sailing boat', 'ship'),
	thing('automobile', 'red car', 'car', 'automobile'),
	thing('bicycle', 'bicycle', 'bike'),
	thing('helicopter'),
	thing('house', 'house', 'home', 'cottage'),
	thing('castle', 'castle', 'palace'),
	thing('balloon', 'red balloon', 'balloon'),
	thing('umbrella'),
	thing('violin', 'violin', 'fiddle'),
	thing('guitar'),
	thing('crown', 'crown', 'golden crown'),
	thing('key'),
	thing('light-bulb', 'light bulb', 'lamp', 'bulb'),
	thing('red-heart', 'red heart', 'heart'),
	thing('blue-heart', 'blue heart'),
	thing('yellow-heart', 'yellow heart'),
	thing('green-heart', 'green heart'),
	thing('robot'),
	thing('teddy-bear', 'teddy bear', 'teddy', 'bear'),
)
