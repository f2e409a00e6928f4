"""MITRE ATLAS (atlas.mitre.org): the techniques and case studies that alerts and cases name, by id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

VERSION: Final = "5.6"
NAMES: Final[Mapping[str, str]] = {
    "AML.T0024.002": "Extract AI Model",
    "AML.T0040": "AI Model Inference API Access",
    "AML.T0005.001": "Train Proxy via Replication",
    "AML.CS0056": "case study: model distillation campaigns",
    "AML.T0008.005": "Acquire Infrastructure: AI Service Proxies",
    "AML.T0012": "Valid Accounts",
    "AML.T0021": "Establish Accounts",
}
