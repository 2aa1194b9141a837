//! How the parts of the node are doing, for the health page and the supervisor's eyes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Each part's last word: fine, with a remark, or not fine, with the reason.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<BTreeMap<&'static str, Result<String, String>>>);

impl Health {
    /// Sets a part's state.
    pub(crate) fn set(&self, part: &'static str, state: Result<String, String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(part, state);
    }

    /// All parts by name.
    pub(crate) fn all(&self) -> BTreeMap<&'static str, Result<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
