"""Small example models."""
from tenon.datasets import get_example

__all__ = ["get_example"]
