//! What the process's environment says of stores.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The variables of a process, and the folder of its user.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<String, String>,
    pub(super) home: Option<PathBuf>,
}

impl std::fmt::Debug for Environment {
    // Values may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment").field("variables", &self.variables.len()).finish_non_exhaustive()
    }
}

impl Environment {
    /// The environment of this process.
    pub(crate) fn of_process() -> Self {
        let pair = |(key, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((key.into_string().ok()?, value.into_string().ok()?))
        };
        Self::new(std::env::vars_os().filter_map(pair), std::env::home_dir())
    }

    pub(super) fn new(variables: impl IntoIterator<Item = (String, String)>, home: Option<PathBuf>) -> Self {
        Self { variables: variables.into_iter().filter(|(_, value)| !value.is_empty()).collect(), home }
    }

    /// What is said of where services are.
    pub(super) fn endpoints(&self) -> String {
        let names = [
            "AWS_ENDPOINT_URL_S3",
            "AWS_ENDPOINT_URL",
            "AWS_ENDPOINT",
            "AWS_PROFILE",
            "STORAGE_EMULATOR_HOST",
            "GOOGLE_BASE_URL",
            "AZURE_STORAGE_ACCOUNT_NAME",
            "AZURE_STORAGE_ENDPOINT",
            "AZURE_ENDPOINT",
        ];
        names.map(|name| self.value(name).unwrap_or_default()).join(" ")
    }

    /// The value of a variable that is set and not empty.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Whether one of the variables is set.
    pub(super) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.value(name).is_some())
    }

    /// Whether a variable says yes.
    pub(super) fn says(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on"))
    }

    /// The variables whose names begin so, with those names in lower case.
    pub(super) fn beginning<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (String, &'a str)> {
        let of = move |(key, value): (&'a String, &'a String)| {
            key.starts_with(prefix).then(|| (key.to_ascii_lowercase(), value.as_str()))
        };
        self.variables.iter().filter_map(of)
    }
}
