"""An agent that answers from documents: python -m examples.search."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from theus import (
    AuditBlockError,
    BaseDomainContext,
    BaseGlobalContext,
    BaseSystemContext,
    TheusEngine,
    process,
)
from theus.config import AuditRecipe, ProcessRecipe, RuleSpec

from .minilm import MiniLM

DOCUMENTS = """\
Bread needs flour, water, salt and yeast, and an hour to rise.
The moon moves the sea: it rises and falls twice a day.
A violin has four strings, tuned in fifths.
Vaccines teach the immune system to recognise a virus.
Rust forms when iron meets oxygen and water.
Bees dance to tell each other where the flowers are.""".splitlines()


class Unknown(Exception):
    """No document is near enough to the question."""


@dataclass
class Settings(BaseGlobalContext):
    """The model is a live object: the heavy zone hands it out as it is."""

    near: float = 0.3
    heavy_model: MiniLM = field(default_factory=MiniLM)


@dataclass
class Library(BaseDomainContext):
    """The texts, and a row of numbers for each of them."""

    documents: list[str] = field(default_factory=list)
    heavy_vectors: Any = field(default_factory=lambda: np.empty((0, 384), np.float32))
    answers: dict[str, str] = field(default_factory=dict)


@process(
    inputs=["global.heavy_model"],
    outputs=["domain.documents", "domain.heavy_vectors"],
)
def add(ctx: Any, texts: list[str]) -> None:
    """Index documents: heavy memory is replaced and never copied by the kernel."""
    rows = ctx.global_ctx.heavy_model.encode(texts)
    ctx.domain.heavy_vectors = np.concatenate([ctx.domain.heavy_vectors, rows])
    ctx.domain.documents.extend(texts)


@process(
    inputs=["global", "domain.documents", "domain.heavy_vectors"],
    outputs=["domain.answers"],
    errors=[Unknown],
)
def answer(ctx: Any, question: str) -> str:
    """Find the nearest document: numpy reads the vectors where they lie."""
    vectors = np.asarray(ctx.domain.heavy_vectors)
    assert not vectors.flags.writeable, "an input is read-only"
    scores = vectors @ ctx.global_ctx.heavy_model.encode([question])[0]
    best = int(scores.argmax())
    if scores[best] < ctx.global_ctx.near:
        raise Unknown(f"nothing within {ctx.global_ctx.near}, the best has {scores[best]:.2f}")
    ctx.domain.answers[question] = ctx.domain.documents[best]
    return f"{scores[best]:.2f}  {ctx.domain.documents[best]}"


def main() -> None:
    """Index, ask, and see a poisoned index refused before it answers anything."""
    rules = [
        RuleSpec("question", "min_len", 3, level="B"),
        RuleSpec("domain.heavy_vectors", "finite", True, level="B"),
    ]
    recipe = AuditRecipe({"answer": ProcessRecipe("answer", rules, [], [], [])})
    system = BaseSystemContext(Settings(), Library())
    with TheusEngine(system, audit_recipe=recipe) as engine:
        engine.register_process("add", add)
        engine.register_process("answer", answer)
        engine.run_process("add", texts=DOCUMENTS)
        for question in (
            "how do insects communicate?",
            "why do cars corrode?",
            "who won the football match yesterday?",
        ):
            try:
                print(f"{question}\n  {engine.run_process('answer', question=question)}")
            except Unknown as unknown:
                print(f"{question}\n  I do not know: {unknown}")
        engine.ctx.domain.heavy_vectors[3, 7] = np.nan
        try:
            engine.run_process("answer", question="how do vaccines work?")
        except AuditBlockError as refused:
            print(f"poisoned\n  {refused.path}: {type(refused).__name__}")
        print(f"{len(engine.ctx.domain.answers)} answers kept, {engine.version} commits")


if __name__ == "__main__":
    main()

# Output:
# how do insects communicate?
#   0.52  Bees dance to tell each other where the flowers are.
# why do cars corrode?
#   0.46  Rust forms when iron meets oxygen and water.
# who won the football match yesterday?
#   I do not know: nothing within 0.3, the best has 0.13
# poisoned
#   domain_ctx.heavy_vectors: AuditBlockError
# 2 answers kept, 3 commits
