"""What is still unseen, against a trusted library and by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from failscope.errors import ArgumentError
from failscope.review.saturation import chao_richness, saturation_frame, unseen_mass


@pytest.mark.parametrize(
    ("counts", "kinds", "low", "high"),
    [
        # scikit-bio 0.7.4: skbio.diversity.alpha.chao1 and chao1_ci, whose z is 1.96
        ([1, 1, 1, 1, 1, 2, 2, 3, 5, 9], 13.333333, 10.503451, 32.069880),
        ([1, 1, 1, 4, 6], 8.0, 5.369122, 29.382198),
        ([2, 2, 3, 7], 4.0, 4.0, 4.816269),
    ],
)
def test_chao1_is_that_of_scikit_bio(counts, kinds, low, high):
    assert chao_richness(np.array(counts)) == pytest.approx((kinds, low, high), rel=4e-5)


def test_one_kind_met_once_leaves_a_doubt():
    kinds, low, high = chao_richness(np.array([1, 5, 5, 9]))
    assert (kinds, low) == (4, 4)
    assert high > 4


def test_chao2_weighs_by_the_reads():
    counts = np.array([1, 1, 1, 2, 2, 5])
    assert chao_richness(counts, samples=4)[0] == pytest.approx(6 + 3 / 4 * 3 * 2 / (2 * 3))


def test_nothing_met_says_nothing():
    assert unseen_mass(np.array([], dtype=int)) == (1, 0, 1)
    assert chao_richness(np.array([], dtype=int)) == (0, 0, np.inf)


def test_the_lower_limit_of_the_unseen_is_estys_where_that_is_lower():
    # scikit-bio 0.7.4: esty_ci([1, 1, 1, 4, 6]) is (0.0017385, 0.45980)
    share, low, high = unseen_mass(np.array([1, 1, 1, 4, 6]))
    assert share == 3 / 13
    assert low == pytest.approx(0.0017385, abs=1e-7)
    assert high > 0.4598


KINDS = {
    "eight alike": np.ones(8) / 8,
    "forty alike": np.ones(40) / 40,
    "few common, many rare": (1 / np.arange(1, 41)) / (1 / np.arange(1, 41)).sum(),
    "each rarer by 0.6": 0.6 ** np.arange(14) / (0.6 ** np.arange(14)).sum(),
    "one rare": np.array([0.18] * 5 + [0.1]),
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("met", [10, 25, 60, 150])
def test_the_interval_of_the_unseen_covers_and_its_upper_end_is_seldom_too_low(name, met):
    rng, chance = np.random.default_rng(0), KINDS[name]
    held, above = [], []
    for _ in range(2000):
        counts = rng.multinomial(met, chance)
        unseen = chance[counts == 0].sum()
        _, low, high = unseen_mass(counts)
        held.append(low - 1e-12 <= unseen <= high)
        above.append(unseen > high)
    assert np.mean(above) <= 0.03
    assert np.mean(held) >= 0.88


def test_chaos_interval_holds_the_number_of_kinds_where_they_are_alike():
    rng, held, estimates = np.random.default_rng(0), [], []
    for _ in range(1000):
        kinds, low, high = chao_richness(rng.multinomial(60, np.ones(40) / 40))
        held.append(low <= 40 <= high)
        estimates.append(kinds)
    assert np.mean(held) >= 0.91
    assert np.mean(estimates) == pytest.approx(40, rel=0.05)


def test_chaos_estimate_is_a_lower_one_where_kinds_are_unlike():
    rng, chance = np.random.default_rng(0), KINDS["few common, many rare"]
    estimates = [chao_richness(rng.multinomial(60, chance))[0] for _ in range(1000)]
    seen = [(rng.multinomial(60, chance) > 0).sum() for _ in range(1000)]
    assert np.mean(seen) < np.mean(estimates) < 40


# the stop rule ---------------------------------------------------------------------------------------------------


def test_the_curve_has_its_columns_in_order():
    frame = saturation_frame({"a": ["x"], "b": ["x", "y"]})
    first = [
        "read",
        "modes",
        "unseen",
        "unseen_low",
        "unseen_high",
        "chao",
        "chao_low",
        "chao_high",
        "enough",
    ]
    assert frame.columns.tolist() == [*first, "sampled", "new_high"]
    assert saturation_frame({}).columns.tolist() == frame.columns.tolist()


def test_it_is_never_enough_when_nothing_is_known_to_be_random():
    frame = saturation_frame({f"t{i}": ["x"] for i in range(200)})
    assert not frame["enough"].any()
    assert (frame["new_high"] == 1).all()


def test_a_mode_twice_in_one_trace_was_met_once():
    assert saturation_frame({"a": ["x", "x"]})["unseen"].tolist() == [1.0]


def test_chosen_reads_neither_bring_enough_nearer_nor_push_it_away():
    random = {f"r{i}": ["x"] if i % 3 == 0 else [] for i in range(60)}
    alone = saturation_frame(random, sample_ids=random)
    mixed: dict[str, list[str]] = {}
    for i, (trace_id, modes) in enumerate(random.items()):
        mixed |= {f"c{i}": [f"chosen {i}"], trace_id: modes}
    frame = saturation_frame(mixed, sample_ids=random)
    ours = frame[frame["read"] % 2 == 0]
    assert ours["enough"].tolist() == alone["enough"].tolist()
    assert ours["new_high"].tolist() == alone["new_high"].tolist()
    assert frame["unseen"].iloc[-1] > 0.5
    assert alone["enough"].iloc[-1]


def test_enough_wants_the_bound_to_stay_low():
    read = {f"r{i}": ["x"] for i in range(60)} | {"late": ["y"], "later": ["z"]}
    frame = saturation_frame(read, sample_ids=read, below=0.06, stayed=5)
    low = frame["new_high"] <= 0.06
    assert frame.index[frame["enough"]][0] == frame.index[low][0] + 4
    assert not frame["enough"].iloc[-1]  # two new modes just now


def test_a_share_that_cannot_be_is_refused():
    with pytest.raises(ArgumentError, match="below=2"):
        saturation_frame({}, below=2)


def _stop(fails: float, chance: np.ndarray, rng: np.random.Generator, most: int = 100) -> float | None:
    """The true chance that a further trace shows a mode not met, when it first says enough; None if it never does."""
    modes = rng.choice(len(chance), most, p=chance)
    failed = rng.random(most) < fails
    read = {f"t{i}": [str(m)] if bad else [] for i, (m, bad) in enumerate(zip(modes, failed, strict=True))}
    enough = saturation_frame(read, sample_ids=read)["enough"].to_numpy()
    if not enough.any():
        return None
    end = int(np.argmax(enough)) + 1
    met = set(modes[:end][failed[:end]].tolist())
    return fails * sum(p for m, p in enumerate(chance.tolist()) if m not in met)


@pytest.mark.parametrize(("name", "fails"), [(n, f) for n in KINDS for f in (0.1, 0.3)])
def test_enough_is_seldom_said_too_early(name, fails):
    rng = np.random.default_rng(0)
    ends = [_stop(fails, KINDS[name], rng) for _ in range(60)]
    assert np.mean([end is not None and end > 0.1 for end in ends]) <= 0.05


def test_enough_is_said_when_few_modes_are_left():
    rng = np.random.default_rng(0)
    ends = [_stop(0.3, KINDS["eight alike"], rng, most=150) for _ in range(60)]
    said = [end for end in ends if end is not None]
    assert len(said) >= 54
    assert np.mean(said) < 0.03


def test_it_is_not_enough_while_every_failure_is_new():
    rng = np.random.default_rng(0)
    assert [_stop(0.3, np.ones(500) / 500, rng) for _ in range(30)] == [None] * 30
