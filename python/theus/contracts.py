"""Contracts: the decorator, what it leaves on a function, and what breaking it raises."""

from theus._process import ProcessContract, process
from theus.errors import ContractViolationError

__all__ = ["ContractViolationError", "ProcessContract", "process"]
