//! `.safetensors`: a JSON header with names, shapes and offsets, then the numbers, little endian.

use std::collections::HashMap;

use ::safetensors::{Dtype, SafeTensors};

use super::{
    Contents,
    elements::{Element, Order},
};

/// Whether the bytes start as the format does: the length of the header, then the header's brace.
pub fn is_safetensors(bytes: &[u8]) -> bool {
    bytes.get(8) == Some(&b'{')
}

/// Reads all tensors. The `safetensors` crate holds sizes and offsets to the length of the file.
pub fn read(bytes: &[u8]) -> Result<Contents, String> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| format!("the .safetensors header does not fit the file ({error}); copy the file again"))?;
    let mut contents = Contents { tensors: HashMap::with_capacity(file.len()), notes: Vec::new() };
    let mut empty = Vec::new();
    for (name, view) in file.iter() {
        let element = match view.dtype() {
            Dtype::F64 => Element::F64,
            Dtype::F32 => Element::F32,
            Dtype::F16 => Element::F16,
            Dtype::BF16 => Element::Bf16,
            Dtype::I64 => Element::I64,
            Dtype::I32 => Element::I32,
            Dtype::I16 => Element::I16,
            Dtype::I8 => Element::I8,
            Dtype::U8 => Element::U8,
            Dtype::BOOL => Element::Bool,
            other => return Err(format!("{name} has numbers of the kind {other:?}, which are not read")),
        };
        let count: usize = view.shape().iter().product();
        if count == 0 {
            empty.push(name);
            continue;
        }
        if view.data().len() != count * element.size() {
            return Err(format!("{name} has {} bytes for {count} values", view.data().len()));
        }
        contents.tensors.insert(name.to_owned(), (view.shape().to_vec(), element.decode(view.data(), Order::Little)));
    }
    if !empty.is_empty() {
        empty.sort_unstable();
        contents.notes.push(format!("Left out, as they are empty: {}.", empty.join(", ")));
    }
    Ok(contents)
}
