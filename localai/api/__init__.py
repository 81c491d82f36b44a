"""The face for programs: the only home of fastapi."""
