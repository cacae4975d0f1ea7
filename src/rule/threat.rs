//! The part of MITRE ATT&CK that a rule covers, for alerts and reports.
//!
//! ```
//! use egret::rule::{Entry, Threat};
//! let entry = |id: &str, name: &str| Entry { id: id.into(), name: name.into(), reference: None };
//! let tactic = entry("TA0011", "Command and Control");
//! let threat = Threat { framework: "MITRE ATT&CK".into(), tactic, technique: Vec::new() };
//! assert_eq!(threat.tactic.id, "TA0011");
//! ```

use serde::Serialize;

/// A tactic with the techniques that serve it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Threat {
    /// The framework, `MITRE ATT&CK`.
    pub framework: String,
    /// What the adversary wants.
    pub tactic: Entry,
    /// How they go about it.
    pub technique: Vec<Technique>,
}

/// A technique with its sub-techniques.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Technique {
    /// The technique itself.
    #[serde(flatten)]
    pub entry: Entry,
    /// Its finer forms.
    pub subtechnique: Vec<Entry>,
}

/// A tactic, technique or sub-technique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// `TA0011`, `T1071` or `T1564.001`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The page that describes it.
    pub reference: Option<String>,
}

impl Threat {
    /// Every identifier of the mapping in order: tactic, techniques, sub-techniques.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        let techniques = self.technique.iter().flat_map(|technique| {
            std::iter::once(&technique.entry).chain(&technique.subtechnique).map(|entry| entry.id.as_str())
        });
        std::iter::once(self.tactic.id.as_str()).chain(techniques)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_order() {
        let entry = |id: &str| Entry { id: id.into(), name: String::new(), reference: None };
        let technique = Technique { entry: entry("T1564"), subtechnique: vec![entry("T1564.001")] };
        let threat = Threat { framework: String::new(), tactic: entry("TA0005"), technique: vec![technique] };
        assert_eq!(threat.ids().collect::<Vec<_>>(), ["TA0005", "T1564", "T1564.001"]);
    }
}
