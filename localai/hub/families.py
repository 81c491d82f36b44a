"""Knows the family and kind of a repository from what the hub says of it; 'unknown' rather than a guess."""

from collections.abc import Iterable

from localai.schemas.families import ARCHITECTURES, ArchitectureName, of_base, of_class
from localai.schemas.models import KindName

# Of others than these a name proves nothing.
ORIGINALS = tuple({owner for row in ARCHITECTURES.values() for owner in row.owners})


def family_of(pipeline: str, tags: Iterable[str], names: Iterable[str] = ()) -> ArchitectureName:
	"""`pipeline` is a class of diffusers, `names` the repository itself and those it was made from."""
	stated = [
		t.removeprefix('base_model:').rpartition(':')[2]
		for t in tags
		if t.startswith('base_model:')
	]
	names = tuple(names)
	own = [n for n in names[:1] if n.startswith(ORIGINALS)]
	bases = {f for n in (*own, *names[1:], *stated) if (f := of_base(n))}
	by_class = of_class(pipeline)
	if by_class:
		inner = (n for n in bases if ARCHITECTURES[n].within == by_class)
		return next(inner, by_class)
	return bases.pop() if len(bases) == 1 else 'unknown'


def kind_of(pipeline: str, tags: Iterable[str], library: str, task: str) -> KindName:
	tags = {t.lower() for t in tags}
	if tags & {'lora', 'lycoris'} or any(t.startswith('base_model:adapter:') for t in tags):
		return 'lora'
	if tags & {'controlnet', 'control-net'}:
		return 'controlnet'
	if tags & {'textual_inversion', 'textual-inversion'}:
		return 'embedding'
	if tags & {'vae', 'autoencoderkl'}:
		return 'vae'
	if tags & {'esrgan', 'upscaler', 'super-resolution'}:
		return 'upscaler'
	if pipeline or task in ('text-to-image', 'image-to-image') or library == 'diffusers':
		return 'checkpoint'
	return 'unknown'
