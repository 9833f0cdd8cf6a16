# SPDX-License-Identifier: MIT
"""What a patient's covariates, genes, proteins and clock do to the model that doses them."""
