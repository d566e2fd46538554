"""What is written down about a mutant."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Mutant:
    """A small weakening of the library, and the case that has to fail with it."""
    id: str
    label: str   # of docs/protocol.md; or the name of the page that says why it must not be
    breaks: str  # what is no longer so
    file: str
    old: str     # stands exactly once in the file
    new: str
    test: str    # tests/<test>.cpp
    case: str
