"""Knows what every schema has in common: frozen, and unknown fields are refused."""

from pydantic import BaseModel, ConfigDict


class Schema(BaseModel):
	model_config = ConfigDict(frozen=True, extra='forbid', protected_namespaces=())
