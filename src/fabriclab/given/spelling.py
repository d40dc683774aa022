"""What somebody may have meant by a name that nobody has."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str], most: int = 1) -> list[str]:
    """Those that are spelt nearly so, whatever the case."""
    folded = {one.lower(): one for one in known}
    return [folded[one] for one in get_close_matches(name.lower(), sorted(folded), most)]


def meant(name: str, known: Iterable[str]) -> str:
    """The end of a sentence that refuses the name: `; did you mean NAME?`, or nothing where no name is near."""
    near = nearest(name, known)
    return f"; did you mean {near[0]}?" if near else ""


def none_of(name: str, known: Iterable[str]) -> str:
    """The reason why a name is refused: what there is, and what may have been meant."""
    listed = list(known)
    return f"none of {', '.join(listed)}{meant(name, listed)}"
