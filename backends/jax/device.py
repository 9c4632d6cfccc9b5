"""Where JAX computes."""

import jax


def on_cpu() -> bool:
    """Return whether what is computed next, or compiled, runs on a CPU."""
    device = jax.config.jax_default_device
    platform = getattr(device, "platform", device)
    return (platform or jax.default_backend()) == "cpu"
