"""What somebody may have meant by a name that nobody has."""

from collections.abc import Iterable
from difflib import get_close_matches


def meant(name: str, known: Iterable[str]) -> str:
    """The end of a sentence that refuses the name: `; did you mean NAME?`, or nothing where no name is near."""
    folded = {one.lower(): one for one in known}
    near = get_close_matches(name.lower(), sorted(folded), 1)
    return f"; did you mean {folded[near[0]]}?" if near else ""


def none_of(name: str, known: Iterable[str]) -> str:
    """The reason why a name is refused: what there is, and what may have been meant."""
    listed = list(known)
    return f"none of {', '.join(listed)}{meant(name, listed)}"
