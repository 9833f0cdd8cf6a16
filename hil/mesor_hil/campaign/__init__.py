# SPDX-License-Identifier: MIT
"""Populations: the same virtual patients by the standard dose, a priori, and closed loop."""

from mesor_hil.campaign.run import run_campaign
from mesor_hil.campaign.spec import Campaign, load_campaign, shipped_campaigns

__all__ = ["Campaign", "load_campaign", "run_campaign", "shipped_campaigns"]
