"""The results page says what the benchmarks' JSON says, judges the targets by it, and is current."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from scripts import results_discovery as discovery_part
from scripts import results_page as results

MACHINE = {"cores": 2, "memory_gib": 8.0, "processor": "any", "python": "3.11", "packages": {"numpy": "2.4"}}


def method(*auc: float) -> dict[str, object]:
    """What the benchmark keeps of one order of reading."""
    n = len(auc)
    return {
        "auc": list(auc),
        "met": {"50": [0.3] * n, "100": [0.4] * n, "300": [0.5] * n},
        "random_reads": [150, None, None][:n],
        "curve": list(np.linspace(0.1, 0.9, 30)),
    }


def discovery(**methods: object) -> dict[str, object]:
    """A results file with one set in one setting."""
    return {
        "measured": "2026-01-02",
        "machine": MACHINE,
        "reads": 300,
        "rows": 4000,
        "sets": {"bfcl": {"rows": 4000, "of": 9000, "modes": 12, "failure_rate": 0.25}},
        "curves": {discovery_part.NO_SIGNAL: {"bfcl": dict(methods)}},
    }


def test_the_page_is_what_the_committed_results_say():
    wrong = results.stale(results.ROOT / "benchmarks" / "results", results.ROOT)
    assert not wrong, f"{wrong} are stale: make results"


def test_means_intervals_and_ratios_are_those_of_the_seeds():
    page = results.page(
        {
            "discovery": discovery(
                **{
                    discovery_part.RANDOM: method(0.4, 0.5, 0.6),
                    "BERTopic": method(0.4, 0.4, 0.4),
                    discovery_part.STATIC: method(0.6),
                }
            )
        }
    )
    assert "| uniform random | 0.500 ± 0.248 |" in page  # t(2) = 4.303, s / sqrt(3) = 0.0577
    assert "| failscope, balanced | **0.600** |" in page
    assert "| BERTopic | 0.82 ± 0.42 |" in page  # the mean of 1, 0.8 and 0.667: a seed is one sample of rows
    assert "| BERTopic | over 300 |" in page
    assert "| failscope, balanced | 150 |" in page
    assert "25.0%" in page
    assert "2026-01-02" in page


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [(0.70, "1.40: yes"), (0.60, "1.20: yes"), (0.59, "1.18: **no**"), (0.40, "0.80: **no**")],
)
def test_a_target_that_is_missed_is_said_to_be_missed(ours, verdict):
    page = results.page(
        {"discovery": discovery(**{discovery_part.RANDOM: method(0.5), discovery_part.STATIC: method(ours)})}
    )
    assert verdict in page
    assert ("1 of 1 are reached" in page) == verdict.endswith("yes")


def test_being_as_good_as_a_peer_is_not_being_above_it():
    orders = {discovery_part.RANDOM: method(0.4), discovery_part.STATIC: method(0.6), "EVoC": method(0.6)}
    assert "1.00 (EVoC): **no**" in results.page({"discovery": discovery(**orders)})


def test_a_peer_that_reads_no_flags_has_its_figures_in_every_setting():
    data = discovery(
        **{discovery_part.RANDOM: method(0.4), discovery_part.STATIC: method(0.6), "EVoC": method(0.5)}
    )
    data["curves"]["weak 35/5"] = {
        "bfcl": {discovery_part.RANDOM: method(0.4), discovery_part.STATIC: method(0.6)}
    }
    weak = results.page({"discovery": data}).partition("### Weak 35/5")[2]
    assert "| EVoC | 0.500 |" in weak


def test_a_multiple_that_no_order_can_reach_is_called_so():
    orders = {discovery_part.RANDOM: method(0.95), discovery_part.STATIC: method(0.99)}
    assert "the scale ends before it" in results.page({"discovery": discovery(**orders)})


def test_other_benchmarks_become_tables_whatever_their_shape():
    page = results.page(
        {
            "scale": {
                "measured": "2026-01-02",
                "machine": MACHINE,
                "sizes": [
                    {"rows": 62500, "seconds": {"embed": 1.234}},
                    {"rows": 125000, "seconds": {"embed": 2.5}},
                ],
                "exponents": {"embed": 1.02},
                "runs": [3.0, 1.0, 2.0],
            }
        }
    )
    assert "| rows | seconds: embed |" in page
    assert "| 62,500 | 1.23 |" in page
    assert "| exponents | 1.02 |" in page
    assert "| runs | 2 (1 to 3, n = 3) |" in page


def test_a_chart_is_a_drawing_and_a_changed_curve_makes_it_stale(tmp_path):
    pytest.importorskip("vl_convert")
    import json

    (tmp_path / "results").mkdir()
    (tmp_path / "docs" / "images").mkdir(parents=True)
    data = discovery(**{discovery_part.RANDOM: method(0.4), discovery_part.STATIC: method(0.6)})
    (tmp_path / "results" / "discovery.json").write_text(json.dumps(data))
    for path, text in results.build(tmp_path / "results").items():
        (tmp_path / path).write_text(text, encoding="utf-8")
    chart = tmp_path / "docs" / "images" / "discovery-no-signal.svg"
    assert ET.parse(chart).getroot().tag.endswith("svg")
    assert results.stale(tmp_path / "results", tmp_path) == []
    data["curves"][discovery_part.NO_SIGNAL]["bfcl"][discovery_part.STATIC]["curve"][3] = 0.5
    (tmp_path / "results" / "discovery.json").write_text(json.dumps(data))
    assert results.stale(tmp_path / "results", tmp_path) == ["docs/images/discovery-no-signal.svg"]
