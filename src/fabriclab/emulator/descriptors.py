"""How many sockets this process may have open at one time."""

import resource


def allow(number: int) -> None:
    """At least so many descriptors. Raises ValueError where the machine allows fewer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= number or soft == resource.RLIM_INFINITY:
        return
    if hard != resource.RLIM_INFINITY and hard < number:
        raise ValueError(f"{number} open files are needed, and this machine allows {hard} (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
