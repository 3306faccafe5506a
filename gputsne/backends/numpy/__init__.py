"""The numpy backend: every operation without a compiler."""
