//! One node on its way into the graph: its parameters and what is known of its inputs.

use std::borrow::Cow;

use super::{
    constant::Constant,
    error::{Fault, Result},
    proto::{AttributeProto, NodeProto, TensorProto},
};

/// A tensor of the file's graph.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// It depends on the picture.
    Node(At),
    /// It does not.
    Constant(Constant),
}

impl Value {
    /// How many elements of constants there are in it.
    pub fn constants(&self) -> usize {
        match self {
            Self::Node(_) => 0,
            Self::Constant(constant) => constant.count(),
        }
    }
}

/// The output of a node of the draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct At {
    pub node: usize,
    /// For a batch of [`BATCH`] pictures.
    pub shape: Vec<usize>,
}

/// How many pictures shapes are computed for. A prime that no layer's size is a multiple of, so that it can be told
/// from them where the file computes shapes: networks stay free of the size of a batch.
pub(super) const BATCH: usize = 65_537;

/// The largest number that a kernel, stride, padding or dilation may be, and a dimension that a file asks for.
const LARGEST_SIZE: i64 = 1 << 24;

/// One node of the file, with its inputs.
#[derive(Debug)]
pub(super) struct Step<'a> {
    pub proto: &'a NodeProto,
    /// The layer's name.
    pub name: &'a str,
    /// The version of the operators.
    pub opset: i64,
    /// An absent optional input is `None`.
    pub inputs: Vec<Option<Value>>,
    /// For each input, whether no other node takes it.
    pub sole: Vec<bool>,
    /// The batch that the file was written for, if it was for one.
    pub file_batch: Option<usize>,
}

impl Step<'_> {
    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.proto.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.i)
    }

    /// A switch, which is off by default.
    pub fn flag(&self, name: &str) -> bool {
        self.int(name, 0) != 0
    }

    pub fn float(&self, name: &str, default: f32) -> f64 {
        self.attribute(name).map_or(default, |attribute| attribute.f).into()
    }

    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice())
    }

    pub fn floats(&self, name: &str) -> Option<&[f32]> {
        self.attribute(name).map(|attribute| attribute.floats.as_slice())
    }

    pub fn text<'b>(&'b self, name: &str, default: &'b str) -> Cow<'b, str> {
        self.attribute(name).map_or(Cow::Borrowed(default), |attribute| String::from_utf8_lossy(&attribute.s))
    }

    pub fn tensor(&self, name: &str) -> Option<&TensorProto> {
        self.attribute(name)?.t.as_ref()
    }

    /// An input, if it is given.
    pub fn optional(&self, which: usize) -> Option<&Value> {
        self.inputs.get(which)?.as_ref()
    }

    /// An input that must be given.
    pub fn value(&self, which: usize) -> Result<&Value> {
        self.optional(which).ok_or_else(|| Fault::malformed(format!("it has no input number {}", which + 1)))
    }

    /// An input that depends on the picture.
    pub fn node(&self, which: usize) -> Result<&At> {
        match self.value(which)? {
            Value::Node(at) => Ok(at),
            Value::Constant(_) => Err(Fault::unsupported(format!("a constant as input number {}", which + 1))),
        }
    }

    /// An input that does not depend on the picture.
    pub fn constant(&self, which: usize) -> Result<&Constant> {
        self.value(which)?;
        self.optional_constant(which)?.ok_or_else(|| Fault::malformed(format!("it has no input number {}", which + 1)))
    }

    /// An input that does not depend on the picture, if it is given.
    pub fn optional_constant(&self, which: usize) -> Result<Option<&Constant>> {
        match self.optional(which) {
            None => Ok(None),
            Some(Value::Constant(constant)) => Ok(Some(constant)),
            Some(Value::Node(_)) => {
                let reason = format!("an input number {} that depends on the picture", which + 1);
                Err(Fault::unsupported(reason))
            }
        }
    }

    /// Integers that older files have as an attribute and newer ones as an input.
    pub fn ints_or_input(&self, attribute: &str, which: usize) -> Result<Option<Vec<i64>>> {
        if let Some(ints) = self.ints(attribute) {
            return Ok(Some(ints.to_vec()));
        }
        self.optional_constant(which)?.map(Constant::ints).transpose()
    }

    /// An attribute that is a dimension of a tensor of this rank; negative ones count from the end.
    pub fn axis(&self, name: &str, default: i64, rank: usize) -> Result<usize> {
        axis(self.int(name, default), rank)
    }

    /// A pair of sizes, for rows and columns, each at least `least`.
    pub fn pair(&self, name: &str, default: usize, least: i64) -> Result<[usize; 2]> {
        match self.ints(name) {
            None | Some([]) => Ok([default; 2]),
            Some(&[rows, columns]) => Ok([size(name, rows, least)?, size(name, columns, least)?]),
            Some(other) => Err(Fault::unsupported(format!("`{name}` {other:?}, only rows and columns are"))),
        }
    }
}

/// A dimension of a tensor of this rank; negative ones count from the end.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize> {
    let from_start = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
    usize::try_from(from_start)
        .ok()
        .filter(|&dimension| dimension < rank)
        .ok_or_else(|| Fault::malformed(format!("dimension {axis} of a tensor that has {rank}")))
}

/// Different dimensions of a tensor of this rank, sorted.
pub(super) fn axes(list: &[i64], rank: usize) -> Result<Vec<usize>> {
    let mut dimensions = list.iter().map(|&one| axis(one, rank)).collect::<Result<Vec<_>>>()?;
    dimensions.sort_unstable();
    dimensions.dedup();
    if dimensions.len() != list.len() {
        return Err(Fault::malformed(format!("dimensions {list:?} with one twice")));
    }
    Ok(dimensions)
}

/// A size from the file within sensible bounds.
pub(super) fn size(name: &str, value: i64, least: i64) -> Result<usize> {
    if !(least..=LARGEST_SIZE).contains(&value) {
        return Err(Fault::malformed(format!("`{name}` holds {value}")));
    }
    Ok(value as usize)
}
