"""Callbacks, to be plugged into `fit`."""

from .backup_and_restore import BackupAndRestore
from .evaluate_on_averages import EvaluateOnAverages
from .step_monitor import StepMonitor

__all__ = ["BackupAndRestore", "EvaluateOnAverages", "StepMonitor"]
