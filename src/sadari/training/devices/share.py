"""Which part of every batch is whose? Consecutive images, as many for each device as for any other, or one more."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """The share of one of `count` devices in something that all of them divide. rank: its number, from 0."""

    rank: int = 0
    count: int = 1

    def of(self, total: int) -> slice:
        """Return which of `total` things in a row belong to this device. The shares of all are disjoint and complete.

        One device may have one more than another; none is without where there are as many things as devices.
        """
        return slice(self.rank * total // self.count, (self.rank + 1) * total // self.count)

    def sizes(self, total: int) -> list[int]:
        """Return how many of `total` things each device has, in the order of their ranks."""
        each = [Share(rank, self.count).of(total) for rank in range(self.count)]
        return [some.stop - some.start for some in each]


ALL = Share()
