# SPDX-License-Identifier: MIT
"""Body size as the published models want it: surface, ideal, adjusted, lean and fat-free mass.

Models differ in which size they scale by, and the wrong one is a silent dosing error in
the obese; so each is a function of its own that names its paper.  Pure; kg, cm, years.
"""

from __future__ import annotations

import math

from mesor.dosing.figures import AGE_YEARS, HEIGHT_CM, WEIGHT_KG, Figure, Sex, check_sex
from mesor.errors import DosingError

_CM_PER_INCH = 2.54
_FIVE_FEET_CM = 60 * _CM_PER_INCH
_ADJUSTMENT = 0.4  # of the weight above ideal; aminoglycosides: Bauer 1983


def body_surface_area_mosteller(weight_kg: float, height_cm: float) -> Figure:
    """Return the surface in m2: sqrt(cm kg / 3600).  Mosteller, NEJM 1987;317:1098."""
    _check_size(weight_kg, height_cm)
    area_m2 = math.sqrt(height_cm * weight_kg / 3600.0)
    return Figure("body surface area", area_m2, "m2", "Mosteller, NEJM 1987;317:1098")


def body_surface_area_du_bois(weight_kg: float, height_cm: float) -> Figure:
    """Return the surface in m2: 0.007184 cm^0.725 kg^0.425.  Du Bois, 1916;17:863."""
    _check_size(weight_kg, height_cm)
    area_m2 = 0.007184 * height_cm**0.725 * weight_kg**0.425
    source = "Du Bois & Du Bois, Arch Intern Med 1916;17:863"
    return Figure("body surface area", area_m2, "m2", source)


def body_mass_index(weight_kg: float, height_cm: float) -> Figure:
    """Return weight over height squared, kg/m2 (Quetelet's index)."""
    _check_size(weight_kg, height_cm)
    index = weight_kg / (height_cm / 100.0) ** 2
    return Figure("body mass index", index, "kg/m2", "Quetelet's index")


def ideal_body_weight(height_cm: float, sex: Sex) -> Figure:
    """Return 50 (male) or 45.5 kg (female) and 2.3 kg for each inch above five feet.

    Devine, Drug Intell Clin Pharm 1974;8:650.  Below five feet the line is followed
    downwards, which the note says; raises DosingError where it would reach zero.
    """
    HEIGHT_CM.check(height_cm)
    check_sex(sex)
    base_kg = 50.0 if sex == "male" else 45.5
    weight_kg = base_kg + 2.3 * (height_cm - _FIVE_FEET_CM) / _CM_PER_INCH
    if weight_kg <= 0.0:
        raise DosingError(
            f"height is {height_cm:g} cm; Devine's ideal weight is for adults above "
            "five feet (152.4 cm); use another body size."
        )
    note = "extrapolated below 152.4 cm" if height_cm < _FIVE_FEET_CM else ""
    source = "Devine, Drug Intell Clin Pharm 1974;8:650"
    return Figure("ideal body weight", weight_kg, "kg", source, note)


def adjusted_body_weight(weight_kg: float, height_cm: float, sex: Sex) -> Figure:
    """Return ideal weight and 0.4 of what the patient weighs above it, kg.

    Bauer et al., Eur J Clin Pharmacol 1983;24:643.  A patient below the ideal weight
    keeps the actual one, which the note says.
    """
    _check_size(weight_kg, height_cm)
    ideal_kg = ideal_body_weight(height_cm, sex).value
    below = weight_kg < ideal_kg
    adjusted_kg = weight_kg if below else ideal_kg + _ADJUSTMENT * (weight_kg - ideal_kg)
    note = "actual weight, which is below ideal" if below else ""
    source = "Bauer et al., Eur J Clin Pharmacol 1983;24:643, factor 0.4"
    return Figure("adjusted body weight", adjusted_kg, "kg", source, note)


def lean_body_weight(weight_kg: float, height_cm: float, sex: Sex) -> Figure:
    """Return 9270 kg / (6680 + 216 BMI), male, or / (8780 + 244 BMI), female.

    Janmahasatian et al., Clin Pharmacokinet 2005;44:1051.  It is fat-free mass in adults.
    """
    check_sex(sex)
    index = body_mass_index(weight_kg, height_cm).value
    over = 6680.0 + 216.0 * index if sex == "male" else 8780.0 + 244.0 * index
    source = "Janmahasatian et al., Clin Pharmacokinet 2005;44:1051"
    return Figure("lean body weight", 9270.0 * weight_kg / over, "kg", source)


def fat_free_mass(weight_kg: float, height_cm: float, sex: Sex, age_years: float) -> Figure:
    """Return Janmahasatian's mass times Al-Sallami's maturation with age, kg.

    Al-Sallami et al., Clin Pharmacokinet 2015;54:1169: male 0.88 + 0.12 / (1 +
    (age/13.4)^-12.7); female 1.11 - 0.11 / (1 + (age/7.1)^-1.1).  Seen in it from 3 years.
    """
    AGE_YEARS.check(age_years)
    adult_kg = lean_body_weight(weight_kg, height_cm, sex).value
    start, half_years, slope = (0.88, 13.4, 12.7) if sex == "male" else (1.11, 7.1, 1.1)
    maturity = 0.0
    if age_years > 0.0:
        maturity = 1.0 / (1.0 + math.exp(-slope * math.log(age_years / half_years)))
    factor = start + (1.0 - start) * maturity
    note = "extrapolated below 3 years" if age_years < 3.0 else ""
    source = "Al-Sallami et al., Clin Pharmacokinet 2015;54:1169"
    return Figure("fat-free mass", factor * adult_kg, "kg", source, note)


def lean_body_mass_james(weight_kg: float, height_cm: float, sex: Sex) -> Figure:
    """Return 1.10 kg - 128 (kg/cm)^2, male, or 1.07 kg - 148 (kg/cm)^2, female.

    James, DHSS/MRC 1976; only for Schnider's propofol model, which was built on it.  It
    turns down in obesity: raises DosingError past its maximum, where heavier is leaner.
    """
    _check_size(weight_kg, height_cm)
    check_sex(sex)
    rise, fall = (1.10, 128.0) if sex == "male" else (1.07, 148.0)
    peak_kg = rise * height_cm**2 / (2.0 * fall)
    if weight_kg > peak_kg:
        raise DosingError(
            f"weight is {weight_kg:g} kg; James's lean body mass holds at {height_cm:g} cm "
            f"up to {peak_kg:.1f} kg and falls above; use a model on fat-free mass."
        )
    mass_kg = rise * weight_kg - fall * (weight_kg / height_cm) ** 2
    return Figure("lean body mass", mass_kg, "kg", "James, DHSS/MRC obesity report 1976")


def _check_size(weight_kg: float, height_cm: float) -> None:
    """Raise DosingError unless weight and height can be a human's."""
    WEIGHT_KG.check(weight_kg)
    HEIGHT_CM.check(height_cm)
