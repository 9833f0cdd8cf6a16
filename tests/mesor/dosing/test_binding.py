# SPDX-License-Identifier: MIT
"""Protein binding: mass balance, albumin, and the paradox of the higher free fraction."""

from __future__ import annotations

import math

import pytest

from mesor.dosing.binding import (
    CEFAZOLIN,
    LinearBinding,
    SaturableBinding,
    binding_effects,
    oedema_volume_l,
    sites_through,
    volume_l,
)
from mesor.errors import DosingError


def test_albumin_normalises_phenytoin_as_sheiner_and_tozer_do() -> None:
    """Level at normal albumin = level / (0.9 albumin/44 + 0.1); the bedside form has 0.2."""
    phenytoin = LinearBinding(0.1, 44.0, "Sheiner & Tozer")
    free_mg_l = 10.0 * phenytoin.at_albumin(20.0).value
    assert free_mg_l / 0.1 == pytest.approx(10.0 / (0.9 * 20.0 / 44.0 + 0.1))
    assert free_mg_l / 0.1 == pytest.approx(10.0 / (0.2 * 2.0 + 0.1), rel=0.02)


def test_free_and_bound_always_add_up_to_the_total() -> None:
    """From a trace to far above saturation, where a careless root loses all its digits."""
    sites = SaturableBinding(75.0, 6.7, 40.0, "test")
    for total_mg_l in (1e-9, 0.01, 1.0, 75.0, 81.7, 200.0, 1e5):
        free_mg_l = sites.free_mg_l(total_mg_l)
        assert sites.total_mg_l(free_mg_l) == pytest.approx(total_mg_l, rel=1e-12)
        assert 0.0 < free_mg_l < total_mg_l
    assert sites.free_fraction(0.0) == pytest.approx(sites.free_fraction(1e-9))


def test_cefazolin_meets_both_points_of_its_paper() -> None:
    """Within patients 85 % are bound at 2.7 and 52 % at 200.3 mg/L."""
    assert 1 - CEFAZOLIN.free_fraction(2.7) == pytest.approx(0.85)
    assert 1 - CEFAZOLIN.free_fraction(200.3) == pytest.approx(0.52)


def test_less_albumin_frees_drug_and_more_drug_frees_drug() -> None:
    """Both hold for every saturable site."""
    by_albumin = [CEFAZOLIN.at_albumin(g_l).free_fraction(50.0) for g_l in (45, 35, 25, 15)]
    by_level = [CEFAZOLIN.free_fraction(mg_l) for mg_l in (1, 10, 50, 100, 300)]
    assert by_albumin == sorted(by_albumin) and by_level == sorted(by_level)


def hours_above(free_fraction: float, limit_mg_l: float) -> float:
    """Return how long free drug stays above a limit after 2 g, by the closed form.

    One compartment; clearance and volume of free and bound cefazolin at free fraction
    0.291: van Hasselt 2014, Table 2, 0.142 L/min and 14.1 + 17.1 L.
    """
    volume = 14.1 + 17.1
    clearance_l_h = 0.142 * 60.0 * binding_effects(free_fraction, 0.291).clearance.factor
    start_mg_l = free_fraction * 2000.0 / volume
    return math.log(start_mg_l / limit_mg_l) * volume / clearance_l_h


def test_more_free_cefazolin_is_less_time_above_the_mic() -> None:
    """The paradox: a higher free peak, a faster loss, fewer hours above 1 mg/L."""
    fractions = (0.15, 0.2, 0.291, 0.4, 0.6)
    hours = [hours_above(fraction, 1.0) for fraction in fractions]
    peaks = [binding_effects(fraction, 0.291).free_after_bolus.factor for fraction in fractions]
    assert hours == sorted(hours, reverse=True) and peaks == sorted(peaks)
    assert hours[0] > 2 * hours[-1]


def test_binding_does_not_change_the_free_level_of_a_steady_infusion() -> None:
    """Free level = rate / unbound clearance, in which there is no free fraction."""
    effects = binding_effects(0.6, 0.3)
    assert effects.free_at_steady_state.factor == 1.0
    assert effects.clearance.factor == pytest.approx(2.0)
    assert binding_effects(0.6, 0.3, volume_factor=2.0).free_after_bolus.factor == 1.0


def test_volume_follows_the_free_fraction_and_the_water() -> None:
    """Fully bound drug stays in plasma; free drug sees all the water that was added."""
    assert volume_l(3.0, 12.0, 1.0).value == pytest.approx(15.0)
    assert volume_l(3.0, 12.0, 0.25).value == pytest.approx(6.0)
    assert oedema_volume_l(10.0, 8.0, 0.5).value == pytest.approx(14.0)
    assert oedema_volume_l(10.0, 0.0, 0.5).value == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("albumin_g_l", "sentence"),
    [(4.0, "albumin is 4 g/L; it must be 5 to 70 g/L."), (400.0, "it must be 5 to 70 g/L.")],
)
def test_albumin_in_g_dl_is_refused(albumin_g_l: float, sentence: str) -> None:
    """4 g/dL is 40 g/L: written as 4 g/L it would free nearly all drug."""
    with pytest.raises(DosingError) as caught:
        CEFAZOLIN.at_albumin(albumin_g_l)
    assert sentence in str(caught.value)


def test_what_no_binding_can_be_is_refused() -> None:
    """Fractions above one, volumes below nothing, sites that bind more as they fill."""
    with pytest.raises(DosingError, match=r"free fraction is 1\.2 of the total"):
        LinearBinding(1.2, 40.0, "test")
    with pytest.raises(DosingError, match="of no saturable site"):
        sites_through((2.7, 0.5), (200.0, 0.2), 40.0, "test")
    with pytest.raises(DosingError, match="plasma must be more than 0 L"):
        volume_l(0.0, 12.0, 0.5)
    with pytest.raises(DosingError, match="excess fluid is -1 L; it must be 0 to 50 L"):
        oedema_volume_l(10.0, -1.0, 0.5)
    with pytest.raises(DosingError, match="volume factor is 0"):
        binding_effects(0.5, 0.5, 0.0)
