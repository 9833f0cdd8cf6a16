# SPDX-License-Identifier: MIT
"""Virtual patients: compartment models that are infused and have a concentration."""

from mesor.patients.compartments import CompartmentPatient
from mesor.patients.nonlinear import SaturablePatient
from mesor.patients.patient import ClearanceChange, PatientParameters, VirtualPatient
from mesor.patients.population import BetweenSubjectVariability, draw_parameters, make_patient

__all__ = [
    "BetweenSubjectVariability",
    "ClearanceChange",
    "CompartmentPatient",
    "PatientParameters",
    "SaturablePatient",
    "VirtualPatient",
    "draw_parameters",
    "make_patient",
]
