"""Knows which small changes could be made to a Python file, each of which a test should mind.

What people read (messages, logs, formatted strings), annotations and docstrings stay as they are.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS = {
	ast.Lt: ast.LtE,
	ast.LtE: ast.Lt,
	ast.Gt: ast.GtE,
	ast.GtE: ast.Gt,
	ast.Eq: ast.NotEq,
	ast.NotEq: ast.Eq,
	ast.Is: ast.IsNot,
	ast.IsNot: ast.Is,
	ast.In: ast.NotIn,
	ast.NotIn: ast.In,
}
OPERATORS = {
	ast.Add: ast.Sub,
	ast.Sub: ast.Add,
	ast.Mult: ast.Div,
	ast.Div: ast.Mult,
	ast.FloorDiv: ast.Mult,
	ast.Mod: ast.Mult,
	ast.BitAnd: ast.BitOr,
	ast.BitOr: ast.BitAnd,
	ast.LShift: ast.RShift,
	ast.RShift: ast.LShift,
}
TWINS = {'min': 'max', 'max': 'min', 'any': 'all', 'all': 'any'}
# Methods that give back something of the kind they were called on, so that it runs without them too.
STEPS = frozenset(
	('strip', 'lstrip', 'rstrip', 'lower', 'upper', 'casefold', 'removeprefix', 'removesuffix')
	+ ('replace', 'resolve', 'astimezone', 'where', 'limit', 'offset', 'order_by', 'group_by')
	+ ('distinct', 'desc', 'with_only_columns', 'join_from')
)
Node = ast.stmt | ast.expr
SMALL = 256  # to a number up to this one is added, a larger one is doubled


@dataclass(frozen=True)
class Mutant:
	"""One change: the bytes from `start` to `end` of the file become `now`. `lines` are those of the
	whole statement, `line` is where it starts; they count from 1."""

	line: int
	lines: range
	start: int
	end: int
	was: str
	now: str

	def apply(self, source: bytes) -> bytes:
		return source[: self.start] + self.now.encode() + source[self.end :]

	def undo(self, source: bytes) -> bytes:
		end = self.start + len(self.now.encode())
		return source[: self.start] + self.was.encode() + source[end:]


def mutants(source: str) -> list[Mutant]:
	"""Every change there is to make, in the order of the file."""
	whole = source.encode()
	starts = [0]
	for line in whole.split(b'\n'):
		starts.append(starts[-1] + len(line) + 1)
	found = {}
	for statement, node, now in walk(ast.parse(source)):
		start = starts[node.lineno - 1] + node.col_offset
		end = starts[(node.end_lineno or 1) - 1] + (node.end_col_offset or 0)
		was = whole[start:end].decode()
		lines = range(statement.lineno, (statement.end_lineno or 0) + 1)
		found[start, end, now] = Mutant(node.lineno, lines, start, end, was, now)
	return sorted(found.values(), key=lambda m: (m.start, m.end))


def walk(node: ast.AST, statement: Node | None = None) -> Iterator[tuple[Node, Node, str]]:
	"""Nodes below, the statement or condition that each is part of, and what each could be instead."""
	if is_left_alone(node):
		return
	if isinstance(node, ast.stmt):
		statement = None if hasattr(node, 'body') else node
		yield from ((node, node, now) for now in other_statements(node))
	elif isinstance(node, ast.expr):
		statement = statement or node
		for other in other_expressions(node):
			yield statement, node, f'({ast.unparse(other)})'
	for field, value in ast.iter_fields(node):
		if field in ('annotation', 'returns', 'decorator_list', 'type_params', 'bases'):
			continue
		for child in value if isinstance(value, list) else [value]:
			if isinstance(child, ast.expr) and field in ('test', 'ifs'):
				for other in other_tests(child):
					yield statement or child, child, f'({ast.unparse(other)})'
			if isinstance(child, ast.AST):
				yield from walk(child, statement)


def is_left_alone(node: ast.AST) -> bool:
	match node:
		case ast.JoinedStr() | ast.Import() | ast.ImportFrom() | ast.Assert():
			return True
		case ast.Expr(value=ast.Constant()):
			return True
		case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id='log')))):
			return True
		case ast.Assign(targets=[ast.Name(id='log' | '__all__')]):
			return True
		case ast.Call(func=ast.Name(id=name)):
			return name.endswith(('Error', 'Problem')) or name == 'TypeVar'
	return False


def other_statements(node: ast.stmt) -> Iterator[str]:
	match node:
		case ast.Return(value=ast.expr() as value) if not is_nothing(value):
			yield 'return None'
		case (
			ast.Expr(value=ast.Call() | ast.Await()) | ast.AugAssign() | ast.Raise() | ast.Delete()
		):
			yield 'pass'
		case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
			yield 'pass'
		case ast.Break():
			yield 'continue'
		case ast.Continue():
			yield 'break'


def other_expressions(node: ast.expr) -> Iterator[ast.expr]:
	match node:
		case ast.Compare():
			for place, operator in enumerate(node.ops):
				other = copy.deepcopy(node)
				other.ops[place] = COMPARISONS[type(operator)]()
				yield other
		case ast.BoolOp():
			yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
		case ast.UnaryOp(op=ast.Not()):
			yield node.operand
		case ast.BinOp() if type(node.op) in OPERATORS and not is_written(node):
			yield ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
		case ast.Constant():
			yield from (ast.Constant(other) for other in other_constants(node.value))
		case ast.Call(func=ast.Name(id=name)) if name in TWINS:
			yield ast.Call(ast.Name(TWINS[name], ast.Load()), node.args, node.keywords)
		case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in STEPS:
			yield value
		case ast.Subscript(slice=ast.Slice(lower=lower, upper=upper)) if lower or upper:
			yield ast.Subscript(node.value, ast.Slice(), node.ctx)


def other_tests(node: ast.expr) -> Iterator[ast.expr]:
	"""What a condition could be that has no comparison in it to turn round."""
	if isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.NamedExpr):
		yield ast.UnaryOp(ast.Not(), node)


def other_constants(value: object) -> Iterator[bool | int | float | str | bytes]:
	match value:
		case bool():
			yield not value
		case int():
			yield value + 1 if value <= SMALL else value * 2
		case float():
			yield value * 2 or 1.0
		case str() if value and not any(c.isspace() for c in value):
			yield value + 'x'
		case bytes() if value:
			yield value + b'x'


def is_nothing(node: ast.expr) -> bool:
	"""Whether it is None or as good as None to who asks for it."""
	match node:
		case ast.Constant(value=value):
			return not value
		case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Dict(keys=parts):
			return not parts
	return False


def is_written(node: ast.BinOp) -> bool:
	"""Whether it puts texts together or fills one in."""
	return any(
		isinstance(n, ast.JoinedStr) or (isinstance(n, ast.Constant) and isinstance(n.value, str))
		for n in (node.left, node.right)
	)
