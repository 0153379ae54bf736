"""From decoded semantics to pictures."""
