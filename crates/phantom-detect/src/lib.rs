//! Detectors, windows and the threat score of every source.
