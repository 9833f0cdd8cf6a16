# SPDX-License-Identifier: MIT
"""From a laboratory's genotype to phenotypes, and to a factor on clearance or formation."""
