"""Contracts: the decorator, what it leaves on a function, and what breaking it raises."""

from theus._binding import In, Out, Ref, Reference
from theus._matrix import ContractMatrix
from theus._process import ProcessContract, process
from theus.errors import ContractViolationError

__all__ = [
    "ContractMatrix",
    "ContractViolationError",
    "In",
    "Out",
    "ProcessContract",
    "Ref",
    "Reference",
    "process",
]
