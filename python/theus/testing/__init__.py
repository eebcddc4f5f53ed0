"""For tests of processes: what a failure left, what was denied, commits that fail on purpose.

pytest finds the fixtures of ``theus.testing.plugin`` by itself; everything here also works without
pytest. See docs/testing.md.
"""

from theus.testing._asserts import Caught, assert_denied, assert_rolled_back
from theus.testing._clock import FakeClock
from theus.testing._commits import Commits, record_commits
from theus.testing._faults import CommitFault, InjectedFault, every_commit_point
from theus.testing._picture import Picture, freeze

__all__ = [
    "Caught",
    "CommitFault",
    "Commits",
    "FakeClock",
    "InjectedFault",
    "Picture",
    "assert_denied",
    "assert_rolled_back",
    "every_commit_point",
    "freeze",
    "record_commits",
]
