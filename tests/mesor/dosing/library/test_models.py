# SPDX-License-Identifier: MIT
"""Models against what their papers print, and relations that hold for any patient."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from mesor.dosing.kinetics import half_lives_h, steady_conc_mg_l
from mesor.dosing.library import PublishedModel, drug_names, load_drug
from mesor.dosing.patient_file import PatientCovariates
from mesor.errors import DosingError

MakePatient = Callable[..., PatientCovariates]
ALL = [(name, model.name) for name in drug_names() for model in load_drug(name).models]
TRANSPLANTED = "[kidneys]\ncreatinine_umol_l = 134.98\n[composition]\nalbumin_g_l = 42\n"
TRANSPLANTED += "hematocrit_percent = 34\n"

# What tables print for the patient whom the model is centred on; L, h unless said.
PRINTED = [
    ("vancomycin", "Goti 2018", {"clearance_l_h": 4.5, "volume_central_l": 58.4}),
    ("vancomycin", "Thomson 2009", {"clearance_l_h": 2.99, "volume_central_l": 0.675 * 70}),
    ("vancomycin", "Colin 2019", {"clearance_l_h": 5.312, "volume_peripheral_l": 41.68}),
    ("gentamicin", "Xuan 2003", {"clearance_l_h": 4.7, "volume_central_l": 19.6}),
    ("tobramycin", "Hennig 2013", {"clearance_l_h": 9.4, "volume_central_l": 25.1}),
    ("amikacin", "Burdet 2015", {"clearance_l_h": 4.3, "volume_central_l": 15.9}),
    ("cefazolin", "Lanoiselee 2021", {"clearance_l_h": 2.86, "volume_central_l": 5.2}),
    ("cefepime", "An 2023", {"clearance_l_h": 2.526, "volume_central_l": 13.4}),
    ("ciprofloxacin", "Guo 2022", {"clearance_l_h": 14.7, "volume_central_l": 61.2}),
    ("tacrolimus", "Andrews 2019", {"clearance_l_h": 23.0, "volume_central_l": 692.0}),
    ("fluorouracil", "Arshad 2020", {"clearance_l_h": 249.0, "volume_central_l": 5.56}),
    ("fluorouracil", "Terret 2000", {"vmax_mg_h": 1390.0, "km_mg_l": 5.57}),
    # Br J Anaesth 2018;120:942: V1, V2, V3, CL, Q3, ke0 of the 35-year-old man of 70 kg; Q2 is
    # 1.75 L/min times the maturation 1 + 1.30 (1 - 0.9646).
    (
        "propofol",
        "Eleveld 2018",
        {
            "volume_central_l": 6.28,
            "volume_peripheral_l": 25.5,
            "volume_peripheral_2_l": 273.0,
            "clearance_l_min": 1.79,
            "clearance_intercompartmental_l_min": 1.75 * (1.0 + 1.30 * (1.0 - 0.9646)),
            "clearance_intercompartmental_2_l_min": 1.11,
            "ke0_per_min": 0.146,
        },
    ),
    # Anesthesiology 2017;126:1005, abstract.
    (
        "remifentanil",
        "Eleveld 2017",
        {
            "volume_central_l": 5.81,
            "volume_peripheral_l": 8.82,
            "volume_peripheral_2_l": 5.03,
            "clearance_l_min": 2.58,
            "clearance_intercompartmental_l_min": 1.72,
            "clearance_intercompartmental_2_l_min": 0.124,
            "ke0_per_min": 1.09,
        },
    ),
]


def model_of(drug: str, name: str) -> PublishedModel:
    """Return a model by the names of its drug and its authors."""
    return load_drug(drug).model(name)


@pytest.mark.parametrize(("drug", "name", "printed"), PRINTED)
def test_the_reference_patient_has_the_values_that_the_paper_prints(
    drug: str, name: str, printed: dict[str, float]
) -> None:
    """To 0.05 %, the digits of the maturation above."""
    found = model_of(drug, name).reference_parameters()
    assert {key: found[key] for key in printed} == pytest.approx(printed, rel=5e-4)


@pytest.mark.parametrize(("drug", "name"), ALL)
def test_any_patient_with_the_reference_covariates_has_all_factors_one(
    drug: str, name: str, patient_of: MakePatient
) -> None:
    """Functions of equations included: their stated values are their own at that patient."""
    model = model_of(drug, name)
    seen = model.individual(patient_of(), model.section.reference.covariates())
    assert [effect.factor for effect in seen.effects] == pytest.approx([1.0] * len(seen.effects))
    stated = {item.name: item.value for item in model.section.parameter}
    if model.section.equation is not None:
        assert seen.parameters == pytest.approx(stated, rel=2e-4)
    assert seen.parameters == pytest.approx(dict(seen.reference))


@pytest.mark.parametrize(("drug", "name"), ALL)
def test_effects_multiply_to_the_whole_change_of_each_parameter(
    drug: str, name: str, patient_of: MakePatient
) -> None:
    """The report's factors account for all of it, also where covariates interact."""
    seen = model_of(drug, name).individual(patient_of("female", 47, 64, 168, TRANSPLANTED))
    for parameter, value in seen.parameters.items():
        factors = [item.factor for item in seen.effects if item.parameter == parameter]
        assert math.prod(factors) == pytest.approx(value / seen.reference[parameter])


# Schnider's clearance falls with lean mass and Adane's with surface, as published.
@pytest.mark.parametrize(
    ("drug", "name"), [pair for pair in ALL if pair[1] not in ("Schnider 1998", "Adane 2015")]
)
def test_a_larger_patient_never_has_smaller_volumes_or_clearance(
    drug: str, name: str, patient_of: MakePatient
) -> None:
    """Heavier and taller, with the same creatinine."""
    small, large = (
        model_of(drug, name).individual(patient_of("male", 40, weight_kg, height_cm, TRANSPLANTED))
        for weight_kg, height_cm in ((60.0, 165.0), (80.0, 185.0))
    )
    for key in ("volume_central_l", "volume_peripheral_l", "clearance_l_h"):
        if key in small.population.typical:
            assert large.population.typical[key] >= small.population.typical[key] * (1 - 1e-12)


@pytest.mark.parametrize(
    ("drug", "name"),
    [("vancomycin", "Goti 2018"), ("propofol", "Eleveld 2018"), ("tobramycin", "Hennig 2013"),
     ("cefepime", "An 2023"), ("remifentanil", "Eleveld 2017"), ("tacrolimus", "Andrews 2019")],
)  # fmt: skip
def test_a_larger_patient_has_a_larger_central_volume_where_size_counts(
    drug: str, name: str, patient_of: MakePatient
) -> None:
    """Strictly."""
    volumes = [
        model_of(drug, name).individual(patient_of("male", 40, *size)).kinetics.disposition
        for size in ((60.0, 165.0), (80.0, 185.0))
    ]
    assert volumes[1].volume_central_l > 1.05 * volumes[0].volume_central_l


def test_penicillin_g_has_the_half_life_of_its_paper(patient_of: MakePatient) -> None:
    """Komatsu 2016: 0.79 h at 120 mL/min."""
    patient = patient_of(more="[kidneys]\nmeasured_clearance_ml_min = 120\n")
    own = model_of("penicillin-g", "Komatsu 2016").individual(patient).kinetics
    assert half_lives_h(own.disposition)[0] == pytest.approx(0.79, abs=0.006)


def test_fluorouracil_has_the_half_life_of_its_paper(patient_of: MakePatient) -> None:
    """Yamada 2025 prints 0.25 h."""
    own = model_of("fluorouracil", "Yamada 2025").individual(patient_of()).kinetics
    assert half_lives_h(own.disposition)[0] == pytest.approx(0.25, abs=0.005)


def test_fluorouracils_two_models_agree_in_the_linear_range(patient_of: MakePatient) -> None:
    """Terret 2000 at low levels clears Vmax/Km = 249.6 L/h, Arshad's reference patient 249."""
    terret = model_of("fluorouracil", "Terret 2000").individual(patient_of()).kinetics
    assert 1.0 / steady_conc_mg_l(terret.disposition, 1.0) == pytest.approx(249.6, rel=2e-3)
    # R Km / (Vmax - R) in closed form: 104 mg/h is what 2400 mg/m2 in 46 h are in 2 m2.
    assert steady_conc_mg_l(terret.disposition, 104.0) == pytest.approx(104 * 5.57 / (1390 - 104))


def test_tacrolimus_follows_age_and_surface_as_its_paper_says(patient_of: MakePatient) -> None:
    """Andrews 2019: a dose from 25 to 65 years falls by 34 %, 1.5 to 2.25 m2 raises by 43 %."""
    model = model_of("tacrolimus", "Andrews 2019")

    def clearance(**others: float) -> float:
        return model.individual(patient_of(more=TRANSPLANTED), others).parameters["clearance_l_h"]

    younger, older = clearance(age_years=25.0), clearance(age_years=65.0)
    assert older / younger == pytest.approx(0.66, abs=0.005)
    small = clearance(body_surface_area_m2=1.5)
    assert clearance(body_surface_area_m2=2.25) / small == pytest.approx(1.43, abs=0.005)


def test_tacrolimus_clearance_doubles_after_the_operation_and_with_prednisone(
    patient_of: MakePatient,
) -> None:
    """Antignac 2007, abstract: at least 1.8 L/h, 1.6 times that above 25 mg of prednisone."""
    model = model_of("tacrolimus", "Antignac 2007")
    first = model.individual(patient_of(), {"days_after_transplantation": 0.0})
    late = model.individual(patient_of(), {"days_after_transplantation": 1000.0})
    treated = {"days_after_transplantation": 0.0, "prednisone_over_25_mg": "yes"}
    assert first.parameters["clearance_l_h"] == pytest.approx(1.8, abs=0.05)
    assert late.parameters["clearance_l_h"] == pytest.approx(3.6, abs=0.1)
    with_prednisone = model.individual(patient_of(), treated).parameters["clearance_l_h"]
    assert with_prednisone / first.parameters["clearance_l_h"] == pytest.approx(1.6, abs=0.05)


def test_goti_halves_volume_and_lowers_clearance_on_dialysis(patient_of: MakePatient) -> None:
    """Goti 2018: factors 0.7 and 0.5."""
    kidneys = "[kidneys]\ncreatinine_mg_dl = 5.0\ndialysis = true\n"
    seen = model_of("vancomycin", "Goti 2018").individual(patient_of(more=kidneys))
    factors = {item.parameter: item.factor for item in seen.effects if "dial" in item.covariate}
    assert factors == {"clearance_l_h": pytest.approx(0.7), "volume_central_l": pytest.approx(0.5)}


def test_gotis_kidneys_are_capped_and_low_creatinine_is_raised_in_the_old(
    patient_of: MakePatient,
) -> None:
    """150 mL/min at most; above 65 years creatinine counts as 1 mg/dL at least."""
    model = model_of("vancomycin", "Goti 2018")
    low = "[kidneys]\ncreatinine_mg_dl = 0.5\n"
    young = model.individual(patient_of("male", 25, 90, 185, low))
    assert young.parameters["clearance_l_h"] == pytest.approx(4.5 * (150 / 120) ** 0.8)
    old = model.individual(patient_of("male", 80, 72, 175, low))
    assert old.parameters["clearance_l_h"] == pytest.approx(4.5 * (60 / 120) ** 0.8)
    assert any("taken as 1 mg/dL" in warning for warning in old.warnings)


def test_expressers_of_cyp3a5_clear_tacrolimus_faster_as_published(
    patient_of: MakePatient,
) -> None:
    """Andrews 2019, equation 1: 1.631."""
    model = model_of("tacrolimus", "Andrews 2019")
    genes = TRANSPLANTED + '[genes]\ncyp3a5 = "*1/*3"\n'
    seen = model.individual(patient_of(more=genes))
    assert {item.covariate: item.factor for item in seen.effects}["CYP3A5"] == 1.631
    without = model.individual(patient_of(more=TRANSPLANTED))
    assert any("CYP3A5 non-expresser" in said for said in without.assumed)


def test_carriers_of_cyp2c19_2_form_less_active_clopidogrel(patient_of: MakePatient) -> None:
    """Danielak 2017: 45 % less; *2/*2 were none in the study, so there is no figure."""
    model = model_of("clopidogrel", "Danielak 2017")
    normal = model.individual(patient_of(more='[genes]\ncyp2c19 = "*1/*1"\n')).metabolite
    carrier = model.individual(patient_of(more='[genes]\ncyp2c19 = "*1/*2"\n')).metabolite
    assert normal is not None and carrier is not None
    assert carrier.auc_mg_h_l(75.0) == pytest.approx(0.55 * normal.auc_mg_h_l(75.0))
    with pytest.raises(DosingError, match="poor metabolizer, for which the model has no figure"):
        model.individual(patient_of(more='[genes]\ncyp2c19 = "*2/*2"\n'))


def test_a_preterms_clearance_follows_postmenstrual_age(patient_of: MakePatient) -> None:
    """Colin 2019, by hand: maturation, decline, and creatinine against its own norm."""
    model = model_of("vancomycin", "Colin 2019")
    kidneys = "[kidneys]\ncreatinine_umol_l = 60\n"

    def clearance(weeks: float) -> float:
        age = 0.02 + weeks / 52.0
        grown = age**2.8864 / (0.8932**2.8864 + age**2.8864)
        spent = 1.0 / (1.0 + (age / 61.559) ** 2.241)
        usual = math.exp(-1.22839 + 0.6719 * math.log10(age) + 6.27017 * math.exp(-3.1094 * age))
        return grown * spent * math.exp(-0.64856 * (60 / 88.4 - usual))

    found = []
    for weeks in (28.0, 40.0):
        more = f"gestation_weeks = {weeks}\n{kidneys}"
        seen = model.individual(patient_of("female", 0.02, 1.2, 37.0, more))
        assert seen.assumed == ()
        found.append(seen.parameters["clearance_l_h"])
    assert found[0] / found[1] == pytest.approx(clearance(28.0) / clearance(40.0))
    unknown = model.individual(patient_of("female", 0.02, 1.2, 37.0, kidneys))
    assert "birth at 40 weeks of gestation, for the postmenstrual age" in unknown.assumed


def test_in_obesity_the_weight_of_cockcroft_gault_is_not_left_unsaid(
    patient_of: MakePatient,
) -> None:
    """By hand: 120 kg at 170 cm and 50 years, 1 mg/dL; 65.9 kg are ideal, 87.6 adjusted."""
    seen = model_of("vancomycin", "Goti 2018").individual(patient_of("male", 50, 120, 170))
    (said,) = (text for text in seen.warnings if "obesity" in text)
    assert "150 mL/min on actual, 109 mL/min on adjusted, 82 mL/min on ideal weight" in said
    assert seen.outside == ()
    slim = model_of("vancomycin", "Goti 2018").individual(patient_of("male", 50, 70, 170))
    assert slim.warnings == ()


def test_a_patient_outside_the_study_is_warned_of_by_name(patient_of: MakePatient) -> None:
    """Schnider's volunteers were 25 to 81 years old."""
    seen = model_of("propofol", "Schnider 1998").individual(patient_of("male", 90, 70, 170))
    assert seen.warnings == ("age_years 90 is outside 25 to 81, the patients of Schnider 1998.",)


def test_apparent_clearance_is_never_silent_and_nothing_is_assumed_silently(
    patient_of: MakePatient,
) -> None:
    """Opiates, the day after an operation, oxygen: what no patient file holds is listed."""
    oral = model_of("tacrolimus", "Andrews 2019").individual(patient_of(more=TRANSPLANTED))
    assert any("oral doses only" in warning for warning in oral.warnings)
    propofol = model_of("propofol", "Eleveld 2018")
    assert any("opiates no" in said for said in propofol.individual(patient_of()).assumed)
    given = propofol.individual(patient_of(), {"opiates": "yes"})
    assert given.assumed == ()
    assert {item.covariate for item in given.effects} >= {"opiates"}


def test_missing_creatinine_and_unknown_covariates_are_refused(patient_of: MakePatient) -> None:
    """Kidneys are never assumed."""
    model = model_of("vancomycin", "Goti 2018")
    with pytest.raises(DosingError, match="creatinine is missing and this model needs it"):
        model.individual(patient_of(more=""))
    with pytest.raises(DosingError, match="opiates is no covariate of Goti 2018"):
        model.individual(patient_of(), {"opiates": "yes"})
    with pytest.raises(DosingError, match="must be one of no, yes"):
        model.individual(patient_of(), {"dialysis": "perhaps"})


def test_kidneys_that_nobody_has_are_refused_in_a_sentence(patient_of: MakePatient) -> None:
    """300 kg and 0.3 mg/dL make 1528 mL/min, by hand; and none at all eliminate nothing."""
    thomson, goti = (model_of("vancomycin", name) for name in ("Thomson 2009", "Goti 2018"))
    giant = patient_of("male", 30, 300, 200, "[kidneys]\ncreatinine_mg_dl = 0.3\n")
    with pytest.raises(DosingError, match=r"is 1528 mL/min on actual .* kidneys do 0 to 400"):
        thomson.individual(giant)
    assert goti.individual(giant).parameters["clearance_l_h"] == pytest.approx(
        4.5 * (150 / 120) ** 0.8
    )
    anuric = patient_of(more="[kidneys]\nmeasured_clearance_ml_min = 0\n")
    with pytest.raises(DosingError, match="this patient would eliminate nothing"):
        goti.individual(anuric)


def test_obesity_is_refused_where_james_lean_mass_turns_down(patient_of: MakePatient) -> None:
    """A woman of 110 kg and 165 cm: the formula has passed its maximum."""
    with pytest.raises(DosingError, match="James's lean body mass"):
        model_of("remifentanil", "Minto 1997").individual(patient_of("female", 25, 110, 165))


def test_the_fixed_dose_is_by_weight_or_surface_and_capped(patient_of: MakePatient) -> None:
    """Amikacin 15 mg/kg up to 1.5 g; 5-FU 2400 mg/m2 at Mosteller's 2.0 m2 (80 kg, 180 cm)."""
    amikacin, fluorouracil = (load_drug(name).fixed_dose for name in ("amikacin", "5-fu"))
    assert amikacin is not None and fluorouracil is not None
    assert amikacin.regimen(patient_of(weight_kg=80)).amount_mg == pytest.approx(1200.0)
    assert amikacin.regimen(patient_of(weight_kg=130)).amount_mg == 1500.0
    course = fluorouracil.regimen(patient_of(weight_kg=80, height_cm=180))
    assert course.amount_mg == pytest.approx(4800.0)
    assert course.dose().duration_h == 46.0 and course.interval_h is None
