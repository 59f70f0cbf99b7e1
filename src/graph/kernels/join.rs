//! Channels of several pictures side by side, and parts of them, where the channels lie last.

use candle_core::{Result, Storage, Tensor, bail};

use super::{
    CHUNK, buffers,
    each::each,
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
    let inputs: Vec<Tensor> = inputs.iter().map(|input| channels_last(input)).collect::<Result<_>>()?;
    let (batch, _, rows, columns) = inputs[0].dims4()?;
    let held: Vec<_> = inputs.iter().map(|input| (input.storage_and_layout(), input.elem_count())).collect();
    let mut parts = Vec::with_capacity(held.len());
    for (((storage, layout), count), input) in held.iter().zip(&inputs) {
        let Storage::Cpu(storage) = &**storage else {
            bail!("a tensor that is not on the CPU was given to a CPU kernel")
        };
        parts.push((&storage.as_slice::<f32>()?[layout.start_offset()..][..*count], input.dim(1)?));
    }
    let whole: usize = parts.iter().map(|(_, channels)| channels).sum();
    let pixels = batch * rows * columns;
    let mut joined = buffers::take(pixels * whole);
    let together = (CHUNK / whole.max(1)).max(1);
    each(joined.chunks_mut(together * whole).enumerate(), |(index, joined)| {
        for (pixel, mut to) in joined.chunks_exact_mut(whole).enumerate() {
            let pixel = index * together + pixel;
            for (values, channels) in &parts {
                let (here, rest) = to.split_at_mut(*channels);
                here.copy_from_slice(&values[pixel * channels..][..*channels]);
                to = rest;
            }
        }
    });
    of_order(joined, &[batch, whole, rows, columns], Order::Last)
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
