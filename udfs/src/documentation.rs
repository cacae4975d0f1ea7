//! The one shape of the functions' documentation, as DataFusion's catalogue shows it.

use datafusion::logical_expr::{DocSection, Documentation, DocumentationBuilder};

const SECTION: DocSection = DocSection { include: true, label: "Detection Functions", description: None };

/// Returns a builder with everything but the arguments.
pub(crate) fn documentation(description: &str, syntax: &str, example: &str) -> DocumentationBuilder {
    Documentation::builder(SECTION, description, syntax).with_sql_example(format!("```sql\n{example}\n```"))
}
