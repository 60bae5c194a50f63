"""Small pictures: where a figure goes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from failscope.report import drawings


def test_a_strip_puts_its_figures_on_its_scale():
    svg = drawings.strip(0.1, 0.3, estimate=0.2, naive=0.4, top=0.5)
    ET.fromstring(svg)
    low, high = (float(v) for v in re.search(r'class="range" x1="([\d.]+)" x2="([\d.]+)"', svg).groups())
    dot = float(re.search(r'cx="([\d.]+)"', svg)[1])
    assert low < dot < high
    assert abs((low + high) / 2 - dot) < 0.2
    assert 'aria-label="20%, 10% to 30%; naive 40%"' in svg


def test_an_interval_beyond_the_scale_is_cut_and_marked():
    svg = drawings.strip(0.1, 0.9, estimate=0.2, top=0.5)
    assert 'class="more"' in svg
    assert 'class="more"' not in drawings.strip(0.1, 0.4, estimate=0.2, top=0.5)


def test_an_unknown_share_has_no_dot():
    svg = drawings.strip(0.0, 1.0, estimate=None)
    assert "<circle" not in svg
    assert 'aria-label="not known"' in svg


def test_a_review_without_the_mode_is_a_gap():
    points = [
        {"review": "<a>", "estimate": 0.1, "low": 0.0, "high": 0.2},
        {"review": "b", "estimate": None, "low": None, "high": None},
        {"review": "c", "estimate": 0.3, "low": 0.2, "high": 0.4},
    ]
    svg = drawings.trend(points)
    ET.fromstring(svg)
    assert svg.count("<circle") == 2
    assert 'class="path"' not in svg  # nothing is drawn across the gap
    assert drawings.trend([points[0], points[2]]).count('class="path"') == 1
    assert "&lt;a&gt;" in svg


def test_the_curve_marks_where_enough_was_read():
    rows = [{"read": n, "modes": min(n, 4), "new_high": 1 / n, "enough": n >= 8} for n in range(1, 13)]
    svg = drawings.discovery(rows, below=0.1)
    ET.fromstring(svg)
    assert svg.count("enough at 8") == 2
    assert "enough at" not in drawings.discovery(rows[:7], below=0.1)
    ET.fromstring(drawings.discovery(rows[:1], below=0.1))
