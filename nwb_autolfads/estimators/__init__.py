"""Estimators of muscle activation, rectified EMG -> activation, behind one interface (`base`)."""
