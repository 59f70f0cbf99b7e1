//! Parts of many pictures that are one and the same picture but for a rectangle in each.

use candle_core::{Result, Tensor, WithDType};

use super::{super::local::Mosaic, CHUNK, buffers, each::each, for_float, read, tensor};

/// Channels-last, as dimensions of a tensor `[pictures, channels, rows, columns]`; and the way back.
const LAST: [usize; 4] = [0, 2, 3, 1];
const FIRST: [usize; 4] = [0, 3, 1, 2];

/// The parts, `[pictures, channels, rows, columns]`, in memory in the order in which the common picture lies there.
///
/// # Errors
/// When the tensor library fails.
pub(in crate::graph) fn parts(mosaic: &Mosaic) -> Result<Tensor> {
    for_float!(mosaic.base, parts_of(mosaic))
}

fn parts_of<T: WithDType>(mosaic: &Mosaic) -> Result<Tensor> {
    let &Mosaic { base, changed, starts, size, fill } = mosaic;
    let (_, channels, rows, columns) = base.dims4()?;
    let is_last = !base.is_contiguous() && base.permute(LAST)?.is_contiguous();
    let ordered = |tensor: &Tensor| if is_last { tensor.permute(LAST) } else { Ok(tensor.clone()) };
    // A line is a row of one channel, or of all channels where they lie together.
    let (planes, unit) = if is_last { (1, channels) } else { (channels, 1) };
    let lines = |base: &[T], changed: Option<(&[T], [usize; 2])>| {
        let mut output = buffers::room(starts.len() * channels * size[0] * size[1]);
        let fill = T::from_f64(fill);
        let line = size[1] * unit;
        if line == 0 || output.is_empty() {
            return output;
        }
        let at = mosaic.changed.map_or(&[][..], |(_, at)| at);
        let grain = (CHUNK / line).max(1);
        each(output.chunks_mut(grain * line).enumerate(), |(chunk, lines)| {
            for (index, line) in lines.chunks_exact_mut(line).enumerate() {
                let index = chunk * grain + index;
                let (plane, row) = (index / size[0], index % size[0]);
                let (picture, plane) = (plane / planes, plane % planes);
                let [top, left] = starts[picture];
                let row = top + row as i64;
                if !(0..rows as i64).contains(&row) {
                    line.fill(fill);
                    continue;
                }
                let own = &base[(plane * rows + row as usize) * columns * unit..][..columns * unit];
                overlay(line, left, own, 0, unit);
                // What lies before and behind the picture.
                let inside = [-left, columns as i64 - left].map(|place| place.clamp(0, size[1] as i64) as usize * unit);
                line[..inside[0]].fill(fill);
                line[inside[1]..].fill(fill);
                let Some((values, [height, width])) = changed else { continue };
                let [first, across] = at[picture];
                let Some(inner) = (row as usize).checked_sub(first).filter(|&inner| inner < height) else { continue };
                let own = &values[((picture * planes + plane) * height + inner) * width * unit..][..width * unit];
                overlay(line, left, own, across as i64, unit);
            }
        });
        output
    };
    let output = read(&ordered(base)?, |base: &[T]| match changed {
        None => Ok(lines(base, None)),
        Some((values, _)) => {
            let (_, _, height, width) = values.dims4()?;
            read(&ordered(values)?, |values: &[T]| Ok(lines(base, Some((values, [height, width])))))
        }
    })?;
    if is_last {
        return tensor(output, (starts.len(), size[0], size[1], channels))?.permute(FIRST);
    }
    tensor(output, (starts.len(), channels, size[0], size[1]))
}

/// Copies a line that begins at column `at` into one that begins at column `left`, as far as they overlap; `unit`
/// elements are a column.
fn overlay<T: Copy>(line: &mut [T], left: i64, own: &[T], at: i64, unit: usize) {
    let (width, length) = ((line.len() / unit) as i64, (own.len() / unit) as i64);
    let (first, end) = (left.max(at), (left + width).min(at + length));
    if first < end {
        let elements = |from: i64| (first - from) as usize * unit..(end - from) as usize * unit;
        line[elements(left)].copy_from_slice(&own[elements(at)]);
    }
}
