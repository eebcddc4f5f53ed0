"""transitions: a state machine whose callbacks do the work. The state of the agent is its model."""

from collections.abc import Callable

from transitions import Machine

from peers.peer import Peer, Wrong, fresh, work


class Agent:
    """The model, which the machine gives its triggers."""

    def __init__(self, size: int) -> None:
        self.facts = fresh(size)
        self.log_: list[int] = []
        self.body: Callable[[Agent], None] | None = None

    def step(self) -> None:
        """What a transition does."""
        work(self.facts, self.log_)

    def other(self) -> None:
        """What the transition of the other programs does."""
        assert self.body is not None
        self.body(self)


class Transitions(Peer):
    """The FSM part: two states in turn, the step before each change."""

    name = "transitions"
    setup = "two states in turn, the step in `before`; no queue, no automatic transitions"
    steps = 200

    def begin(self, size: int) -> None:
        self.agent = Agent(size)
        self.machine = Machine(
            self.agent,
            states=["think", "act"],
            initial="think",
            auto_transitions=False,
            transitions=[
                {"trigger": "go", "source": "think", "dest": "act", "before": self.agent.step},
                {"trigger": "go", "source": "act", "dest": "think", "before": self.agent.step},
                {"trigger": "try_", "source": "*", "dest": "act", "before": self.agent.other},
            ],
        )

    def run(self, steps: int) -> None:
        go = self.agent.go
        for _ in range(steps):
            go()

    def facts(self) -> dict[str, int]:
        return self.agent.facts

    def log(self) -> list[int]:
        return self.agent.log_

    def attempt(self, body: Callable[[Agent], None]) -> None:
        """Take the transition whose callback is that."""
        self.agent.body = body
        self.agent.try_()

    def assign_and_fail(self) -> None:
        def body(agent: Agent) -> None:
            agent.log_ = [-1]
            raise Wrong

        self.attempt(body)

    def change_and_fail(self) -> None:
        def body(agent: Agent) -> None:
            agent.log_.append(-1)
            agent.facts["k1"] = -1
            raise Wrong

        self.attempt(body)

    def stray(self) -> None:
        def body(agent: Agent) -> None:
            agent.facts["k1"] = -1

        self.attempt(body)
