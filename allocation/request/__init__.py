"""Requests and responses as JSON: read strictly, refused by name, translated into our values."""

from allocation.request.request import Request, read_request
from allocation.request.strict_json import LARGEST_REQUEST

__all__ = ["LARGEST_REQUEST", "Request", "read_request"]
