//! From nodes of the file to layers of the graph: one table from operation to importer a family.

mod activation;
mod arithmetic;
mod conv;
mod dense;
mod join;
mod norm;
mod pass;
mod pool;
mod reduce;
mod reshape;
mod resize;
mod select;
mod window;

use super::{
    context::Context,
    error::Result,
    step::{Step, Value},
};

/// Adds the layers of a node and gives its outputs.
pub(super) type Import = fn(&mut Context, &Step) -> Result<Vec<Value>>;

/// All importers of the default domain.
static TABLES: &[&[(&str, Import)]] = &[
    conv::IMPORTS,
    pool::IMPORTS,
    norm::IMPORTS,
    activation::IMPORTS,
    arithmetic::IMPORTS,
    dense::IMPORTS,
    join::IMPORTS,
    select::IMPORTS,
    reshape::IMPORTS,
    reduce::IMPORTS,
    resize::IMPORTS,
    pass::IMPORTS,
];

/// The importer of an operation.
pub(super) fn find(domain: &str, op: &str) -> Option<Import> {
    let tables: &[&[(&str, Import)]] = match domain {
        "" | "ai.onnx" => TABLES,
        "ai.onnx.ml" => &[pass::CLASSIC],
        _ => &[],
    };
    tables.iter().copied().flatten().find(|(name, _)| *name == op).map(|&(_, import)| import)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn no_operation_has_two_importers() {
        let names: Vec<&str> = super::TABLES.iter().copied().flatten().map(|(name, _)| *name).collect();
        let different: HashSet<&str> = names.iter().copied().collect();
        assert_eq!(names.len(), different.len());
    }
}
