//! The file's input, held against the card's.

use super::{
    context::Context,
    error::{OnnxError, Result},
    proto::{GraphProto, NodeProto, ValueInfoProto},
    step::{At, BATCH},
    tensor,
};
use crate::{
    graph::ops::Flatten,
    model::{ModelError, card::InputCard, onnx::source_error, source::Request},
};

/// How the file takes a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// `[batch, channels, rows, columns]`, as everything here.
    ChannelsFirst,
    /// `[batch, rows, columns, channels]`, as TensorFlow.
    ChannelsLast,
    /// `[batch, features]`.
    Flat,
}

/// The file's input.
#[derive(Debug)]
pub(super) struct FileInput {
    pub name: String,
    pub layout: Layout,
    /// The batch that the file was written for, if it was for one.
    pub batch: Option<usize>,
}

/// The only input of the graph that is no constant.
fn only(graph: &GraphProto) -> Result<&ValueInfoProto, OnnxError> {
    let is_constant = |input: &ValueInfoProto| graph.initializer.iter().any(|tensor| tensor.name == input.name);
    let inputs: Vec<&ValueInfoProto> = graph.input.iter().filter(|input| !is_constant(input)).collect();
    match inputs.as_slice() {
        [input] => Ok(input),
        [] => Err(OnnxError::Input("is missing; a network takes one picture".to_owned())),
        several => {
            let names: Vec<&str> = several.iter().map(|input| input.name.as_str()).collect();
            Err(OnnxError::Input(format!("is not one but {}: {}", names.len(), names.join(", "))))
        }
    }
}

/// The dimensions that the file says; `None` for those that are open. Nothing where it says nothing.
fn declared(input: &ValueInfoProto) -> Result<Option<Vec<Option<usize>>>, OnnxError> {
    let Some(kind) = input.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref()) else {
        return Err(OnnxError::Input(format!("`{}` is no tensor", input.name)));
    };
    if tensor::is_floating(kind.elem_type).is_none() {
        let reason =
            format!("`{}` holds elements of a kind that is not read (data type {})", input.name, kind.elem_type);
        return Err(OnnxError::Input(reason));
    }
    let length = |value: Option<i64>| value.and_then(|value| usize::try_from(value).ok()).filter(|&value| value > 0);
    Ok(kind.shape.as_ref().map(|shape| shape.dim.iter().map(|one| length(one.dim_value)).collect()))
}

/// The input, after its size and channels have been held against the card's.
pub(super) fn read(graph: &GraphProto, request: &Request) -> Result<FileInput, ModelError> {
    let input = only(graph).map_err(|error| source_error(request, error))?;
    let dims = declared(input).map_err(|error| source_error(request, error))?;
    let card = &request.card.input;
    let first_taker = graph.node.iter().find(|node| node.input.contains(&input.name));
    let (layout, batch) = match dims.as_deref() {
        None if is_to_channels_first(first_taker) => (Layout::ChannelsLast, None),
        None => (Layout::ChannelsFirst, None),
        Some(&[batch, one, two, three]) => {
            let last = is_channels_last([one, two, three], card, first_taker);
            let (channels, size) = if last { (three, [one, two]) } else { (one, [two, three]) };
            check(request, channels, size)?;
            (if last { Layout::ChannelsLast } else { Layout::ChannelsFirst }, batch)
        }
        Some(&[batch, features]) => {
            let [rows, columns] = card.size;
            if card.channels != 1 || features.is_some_and(|features| features != rows * columns) {
                let expected = match features {
                    Some(features) => format!("1 channel and rows × columns = {features}, as the file's input"),
                    None => "1 channel, as the file's input is a list of numbers".to_owned(),
                };
                return Err(request.refuse("input", format!("{} × {rows} × {columns}", card.channels), expected));
            }
            (Layout::Flat, batch)
        }
        Some(other) => {
            let reason = format!("has {} dimensions; [batch, channels, rows, columns] are expected", other.len());
            return Err(source_error(request, OnnxError::Input(reason)));
        }
    };
    Ok(FileInput { name: input.name.clone(), layout, batch })
}

/// Whether channels come last: the card's number of them stands there and not first; where the file leaves both open,
/// its first node says so.
fn is_channels_last([one, _, three]: [Option<usize>; 3], card: &InputCard, taker: Option<&NodeProto>) -> bool {
    let fits = |length: Option<usize>| length == Some(card.channels);
    let is_channels = |length: usize| matches!(length, 1 | 3);
    match (one, three) {
        _ if fits(one) != fits(three) => fits(three),
        // Neither is the card's: the one that may be a number of channels is what the message names.
        (Some(one), Some(three)) if is_channels(one) != is_channels(three) => is_channels(three),
        (None, Some(three)) if is_channels(three) => true,
        _ => is_to_channels_first(taker),
    }
}

fn is_to_channels_first(node: Option<&NodeProto>) -> bool {
    node.is_some_and(|node| {
        let order = node.attribute.iter().find(|attribute| attribute.name == "perm");
        node.op_type == "Transpose" && order.is_some_and(|order| order.ints == [0, 3, 1, 2])
    })
}

/// What the file says must be what the card says.
fn check(request: &Request, channels: Option<usize>, size: [Option<usize>; 2]) -> Result<(), ModelError> {
    let card = &request.card.input;
    if let Some(channels) = channels.filter(|&channels| channels != card.channels) {
        let expected = format!("{channels}, as the file's input has");
        return Err(request.refuse("input.channels", card.channels.to_string(), expected));
    }
    if size.iter().zip(card.size).any(|(&file, card)| file.is_some_and(|file| file != card)) {
        let text = |length: Option<usize>| length.map_or_else(|| "any".to_owned(), |length| length.to_string());
        let expected = format!("[{}, {}], as the file's input has", text(size[0]), text(size[1]));
        return Err(request.refuse("input.size", format!("{:?}", card.size), expected));
    }
    Ok(())
}

/// The shape of the graph's input.
pub(super) fn shape(card: &InputCard) -> Vec<usize> {
    vec![BATCH, card.channels, card.size[0], card.size[1]]
}

/// The input as the file's nodes take it.
pub(super) fn adapted(context: &mut Context, layout: Layout) -> Result<At> {
    let input = context.draft.input();
    match layout {
        Layout::ChannelsFirst => Ok(input),
        Layout::ChannelsLast => {
            let name = context.taken.unique("input.channels_last".to_owned());
            context.transpose(name, &input, &[0, 2, 3, 1])
        }
        Layout::Flat => {
            let name = context.taken.unique("input.flat".to_owned());
            context.draft.add(name, Flatten, &[input.node])
        }
    }
}
