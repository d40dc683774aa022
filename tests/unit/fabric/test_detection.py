"""The search for a wire server: how often and when it is tried again."""

from typing import Any, cast

import pytest

from unit.fabric.doubles import World
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.fabric.connection import DETECTION_DELAY, detect
from waagent.model.failure import ExchangeFailure


class Nowhere:
    """A discovery that finds nothing."""

    def __init__(self) -> None:
        self.tries = 0

    def discover(self) -> None:
        self.tries += 1
        raise ExchangeFailure("nobody answers")

    def distrust(self) -> None:
        pass


def test_a_search_is_tried_again_soon_at_first_and_then_every_ten_seconds() -> None:
    world, nowhere = World(), Nowhere()
    with pytest.raises(ExchangeFailure, match="not found") as caught:
        detect(world.system, Paths.of(Config()), cast(Any, nowhere), lambda address: pytest.fail("nothing was found"), tries=8)
    assert nowhere.tries == 8
    assert world.clock.pauses == [1, 2, 4, 8, DETECTION_DELAY, DETECTION_DELAY, DETECTION_DELAY]
    assert "nobody answers" in str(caught.value.causes[0])
