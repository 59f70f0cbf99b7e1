//! Channels of several pictures side by side, and parts of them, where the channels lie last.

use std::ops::Range;

use candle_core::{Result, Storage, Tensor, bail};

use super::{
    CHUNK, buffers,
    each::each,
    fast::{Isa, Normal, Part, normalise},
    memory::{Order, channels_last, is_last, is_picture, of_order},
};

/// Whether pictures are best joined along their channels by [`channels`].
pub(in crate::graph) fn suits(inputs: &[&Tensor]) -> bool {
    inputs.iter().all(|input| is_picture(input)) && inputs.iter().any(|input| is_last(input))
}

/// The channels of all inputs, one after the other.
///
/// # Errors
/// When the tensor library fails.
pub(in crate::graph) fn channels(inputs: &[&Tensor]) -> Result<Tensor> {
    joined(inputs, |parts, pixels, joined| {
        let whole = joined.len() / pixels.len();
        for (pixel, mut to) in pixels.zip(joined.chunks_exact_mut(whole)) {
            for part in parts {
                let (here, rest) = to.split_at_mut(part.channels);
                here.copy_from_slice(&part.values[pixel * part.channels..][..part.channels]);
                to = rest;
            }
        }
    })
}

/// The channels of all inputs, one after the other, each times its `scale` plus its `shift`; with `rectify` a ReLU follows.
///
/// # Errors
/// When there are other numbers of factors or summands than of channels, or the tensor library fails.
pub(in crate::graph) fn normalised(
    inputs: &[&Tensor],
    scale: &Tensor,
    shift: Option<&Tensor>,
    rectify: bool,
) -> Result<Tensor> {
    let scale = scale.to_vec1::<f32>()?;
    let shift = shift.map_or_else(|| Ok(vec![0.0; scale.len()]), Tensor::to_vec1::<f32>)?;
    let whole = inputs.iter().map(|input| input.dim(1)).sum::<Result<usize>>()?;
    if [scale.len(), shift.len()] != [whole; 2] {
        bail!("{whole} channels cannot be normalised by {} factors and {} summands", scale.len(), shift.len());
    }
    let normal = Normal { scale: &scale, shift: &shift, least: if rectify { 0.0 } else { f32::NEG_INFINITY } };
    joined(inputs, |parts, pixels, joined| {
        let parts: Vec<Part> = parts.iter().map(|part| part.pixels(pixels.clone())).collect();
        normalise(Isa::best(), &parts, normal, joined);
    })
}

/// A picture with the channels of all inputs, of which `fill` writes some pixels at a time.
fn joined(inputs: &[&Tensor], fill: impl Fn(&[Part], Range<usize>, &mut [f32]) + Sync) -> Result<Tensor> {
    let inputs: Vec<Tensor> = inputs.iter().map(|input| channels_last(input)).collect::<Result<_>>()?;
    let (batch, _, rows, columns) = inputs[0].dims4()?;
    let held: Vec<_> = inputs.iter().map(|input| (input.storage_and_layout(), input.elem_count())).collect();
    let mut parts = Vec::with_capacity(held.len());
    for (((storage, layout), count), input) in held.iter().zip(&inputs) {
        let Storage::Cpu(storage) = &**storage else {
            bail!("a tensor that is not on the CPU was given to a CPU kernel")
        };
        let values = &storage.as_slice::<f32>()?[layout.start_offset()..][..*count];
        parts.push(Part { values, channels: input.dim(1)? });
    }
    let whole: usize = parts.iter().map(|part| part.channels).sum();
    let mut joined = buffers::take(batch * rows * columns * whole);
    let together = (CHUNK / whole.max(1)).max(1);
    each(joined.chunks_mut((together * whole).max(1)).enumerate(), |(index, joined)| {
        let first = index * together;
        fill(&parts, first..first + joined.len() / whole, joined);
    });
    of_order(joined, &[batch, whole, rows, columns], Order::Last)
}

/// Writes the channels of a picture into pixels of `whole` channels, from `first` on.
///
/// # Errors
/// When there is no room for them, or the tensor library fails.
pub(in crate::graph) fn put_channels(picture: &Tensor, to: &mut [f32], first: usize, whole: usize) -> Result<()> {
    let (batch, channels, rows, columns) = picture.dims4()?;
    if to.len() != batch * rows * columns * whole || first + channels > whole {
        bail!("{:?} does not fit among {whole} channels", picture.dims());
    }
    super::memory::read_as(picture, Order::Last, |values: &[f32]| {
        let together = (CHUNK / whole.max(1)).max(1);
        let pieces = to.chunks_mut((together * whole).max(1)).zip(values.chunks((together * channels).max(1)));
        each(pieces, |(to, from)| {
            for (to, from) in to.chunks_exact_mut(whole.max(1)).zip(from.chunks_exact(channels.max(1))) {
                to[first..first + channels].copy_from_slice(from);
            }
        });
        Ok(())
    })
}

/// `length` channels of a picture that lies with the channels last, from `start` on.
///
/// # Errors
/// When the tensor library fails.
pub(in crate::graph) fn some_channels(picture: &Tensor, start: usize, length: usize) -> Result<Tensor> {
    let (batch, channels, rows, columns) = picture.dims4()?;
    super::memory::read_as(picture, Order::Last, |values: &[f32]| {
        let mut some = vec![0.0_f32; batch * rows * columns * length];
        let together = (CHUNK / length.max(1)).max(1);
        each(some.chunks_mut(together * length).enumerate(), |(index, some)| {
            for (pixel, some) in some.chunks_exact_mut(length).enumerate() {
                some.copy_from_slice(&values[(index * together + pixel) * channels + start..][..length]);
            }
        });
        of_order(some, &[batch, length, rows, columns], Order::Last)
    })
}
