# SPDX-License-Identifier: GPL-2.0-or-later
"""NxTop's testbed: emulated PCs, the images that they run, and the scenarios that drive them."""
