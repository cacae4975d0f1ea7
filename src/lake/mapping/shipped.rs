//! The mappings that come with the program, as data.

use super::Mapping;
use crate::error::Result;

/// Their names and texts.
const SHIPPED: [(&str, &str); 3] = [
    ("aws-cloudtrail", include_str!("../../../data/mappings/aws-cloudtrail.toml")),
    ("ocsf-network-activity", include_str!("../../../data/mappings/ocsf-network-activity.toml")),
    ("ocsf-process-activity", include_str!("../../../data/mappings/ocsf-process-activity.toml")),
];

impl Mapping {
    /// The names of the mappings that come with the program.
    pub fn shipped_names() -> impl Iterator<Item = &'static str> {
        SHIPPED.into_iter().map(|(name, _)| name)
    }

    /// The mapping of a name that comes with the program, if there is one.
    ///
    /// # Errors
    /// Never, as a test says.
    pub fn shipped(name: &str) -> Option<Result<Self>> {
        let (name, text) = SHIPPED.into_iter().find(|(known, _)| *known == name)?;
        Some(Self::parse(name, text))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

    use super::super::ecs;
    use super::*;

    #[test]
    fn every_shipped_mapping_reads_and_makes_fields_of_ecs() {
        for name in Mapping::shipped_names() {
            let mapping = Mapping::shipped(name).unwrap().unwrap();
            for field in mapping.names().filter(|field| !field.starts_with("aws.")) {
                assert!(ecs::kind(field).is_some(), "{name}: {field}");
            }
        }
        assert!(Mapping::shipped("nope").is_none());
    }
}
