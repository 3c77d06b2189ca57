"""How fast, on what: device, measurement, profile, prediction, card. Only the measuring process loads torch."""

from nasbench.latency.card import Card, load_card, make_card, save_card
from nasbench.latency.device import Device, local_device
from nasbench.latency.device_config import DeviceConfig
from nasbench.latency.lock import machine_lock
from nasbench.latency.measurement import Measurement
from nasbench.latency.measuring.measure import is_local, measure
from nasbench.latency.measuring.patience import Patience
from nasbench.latency.predicting.checking import CheckReport, check
from nasbench.latency.predicting.predict import Prediction, Predictor
from nasbench.latency.predicting.profile import Profile, load_profile, profile_path, save_profile, stored_profiles
from nasbench.latency.predicting.profiling import load_or_profile, profile_device

__all__ = [
    "Card", "CheckReport", "Device", "DeviceConfig", "Measurement", "Patience", "Prediction", "Predictor", "Profile", "check", "is_local",
    "load_card", "load_or_profile", "load_profile", "local_device", "machine_lock", "make_card", "measure", "profile_device",
    "profile_path", "save_card", "save_profile", "stored_profiles",
]  # fmt: skip
