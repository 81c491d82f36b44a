"""The GPU: the only home of torch, diffusers and transformers. Only the engine process imports this
folder."""
