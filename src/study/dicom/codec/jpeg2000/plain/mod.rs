//! Plain code streams: what scanners and archives write, decoded for speed.
//!
//! Plain is one tile, one precinct a resolution, code blocks without options, the same in all components. Anything else,
//! damage that shows too, gives nothing, and `OpenJPEG` has the last word about it. What is given is what `OpenJPEG` gives,
//! sample for sample; only of damaged code blocks, which look like whole ones, it may be other samples.

mod arithmetic;
mod block;
mod contexts;
mod header;
mod packets;
mod plane;
#[cfg(test)]
mod tests;
mod wavelet;

use std::borrow::Cow;

use block::{Block, Coded};
use contexts::Band;
use header::{Coding, Progression};
use packets::Blocks;
use plane::Plane;
use wavelet::{Filter, Irreversible, Reversible};

use super::Expected;

/// Samples interleaved, row-major, each in its low bits; none where the stream is not plain or not of this size.
pub(super) fn decode(stream: &[u8], expected: Expected) -> Option<Vec<u16>> {
    let coding = header::read(stream)?;
    let found = Expected { rows: coding.rows, columns: coding.columns, samples: coding.signed.len() };
    (found == expected).then_some(())?;
    let data = match coding.parts.as_slice() {
        [whole] => Cow::Borrowed(&stream[whole.clone()]),
        parts => Cow::Owned(parts.iter().flat_map(|part| &stream[part.clone()]).copied().collect()),
    };
    let resolutions = packets(&coding, &data)?;
    let mut values = vec![0; coding.columns * coding.rows * expected.samples];
    if coding.reversible {
        let mut planes = planes::<Reversible>(&coding, &data, &resolutions)?;
        if coding.colour_transform {
            whole_colours(&mut planes);
        }
        finish(&coding, &planes, &mut values, |sample| sample);
    } else {
        let mut planes = planes::<Irreversible>(&coding, &data, &resolutions)?;
        if coding.colour_transform {
            real_colours(&mut planes);
        }
        finish(&coding, &planes, &mut values, rounded);
    }
    Some(values)
}

/// A resolution of a component.
struct Resolution {
    bands: Vec<Subband>,
    blocks: Vec<Blocks>,
}

/// Where a subband lies in the plane, and how it was quantised.
#[derive(Debug, Clone, Copy)]
struct Subband {
    kind: Band,
    left: usize,
    top: usize,
    columns: usize,
    rows: usize,
    exponent: u32,
    mantissa: u32,
}

/// The subbands of one resolution.
fn subbands(coding: &Coding, resolution: u32) -> Vec<Subband> {
    let size = |level: u32| {
        // Beyond 16 levels, sizes of up to 32768 are 1.
        (coding.columns.div_ceil(1 << level.min(16)), coding.rows.div_ceil(1 << level.min(16)))
    };
    let step = |at: u32| coding.steps[at as usize];
    let band = |kind, left, top, columns, rows, (exponent, mantissa)| Subband {
        kind,
        left,
        top,
        columns,
        rows,
        exponent,
        mantissa,
    };
    let level = coding.levels - resolution;
    let whole = size(level);
    if resolution == 0 {
        return vec![band(Band::LowLow, 0, 0, whole.0, whole.1, step(0))];
    }
    let low = size(level + 1);
    let high = (whole.0 - low.0, whole.1 - low.1);
    let first = 3 * resolution - 2;
    vec![
        band(Band::HighLow, low.0, 0, high.0, low.1, step(first)),
        band(Band::LowHigh, 0, low.1, low.0, high.1, step(first + 1)),
        band(Band::HighHigh, low.0, low.1, high.0, high.1, step(first + 2)),
    ]
}

/// Reads all packets; gives for each component its resolutions.
fn packets(coding: &Coding, data: &[u8]) -> Option<Vec<Vec<Resolution>>> {
    let component = || -> Vec<Resolution> {
        let resolution = |resolution| {
            let bands = subbands(coding, resolution);
            let blocks = |band: &Subband| {
                let (width, height) = (1 << coding.block.0, 1 << coding.block.1);
                match (band.columns, band.rows) {
                    (0, _) | (_, 0) => Blocks::new(0, 0),
                    (columns, rows) => Blocks::new(columns.div_ceil(width), rows.div_ceil(height)),
                }
            };
            let blocks = bands.iter().map(blocks).collect();
            Resolution { bands, blocks }
        };
        (0..=coding.levels).map(resolution).collect()
    };
    let mut components: Vec<_> = coding.signed.iter().map(|_| component()).collect();
    let mut at = 0;
    for (layer, resolution, component) in order(coding) {
        at = packets::packet(data, at, coding.marked, layer, &mut components[component][resolution].blocks)?;
    }
    Some(components)
}

/// Layer, resolution and component of each packet.
fn order(coding: &Coding) -> impl Iterator<Item = (u32, usize, usize)> {
    let (layers, resolutions, components) = (coding.layers, coding.levels as usize + 1, coding.signed.len());
    let progression = coding.progression;
    let packet = move |at: usize| {
        let layers = layers as usize;
        let (layer, resolution, component) = match progression {
            Progression::LayerResolutionComponent => {
                (at / components / resolutions, at / components % resolutions, at % components)
            }
            Progression::ResolutionLayerComponent => {
                (at / components % layers, at / components / layers, at % components)
            }
            Progression::ResolutionComponentLayer => (at % layers, at / layers / components, at / layers % components),
            Progression::ComponentResolutionLayer => {
                (at % layers, at / layers % resolutions, at / layers / resolutions)
            }
        };
        (layer as u32, resolution, component)
    };
    (0..layers as usize * resolutions * components).map(packet)
}

/// A filter's samples as code blocks give them.
trait Dequantised: Filter {
    /// From twice the magnitude with its half, by half a step.
    fn sample(value: u32, negative: bool, half_step: f32) -> Self::Sample;
}

impl Dequantised for Reversible {
    fn sample(value: u32, negative: bool, _: f32) -> i32 {
        let value = (value >> 1) as i32;
        if negative { -value } else { value }
    }
}

impl Dequantised for Irreversible {
    fn sample(value: u32, negative: bool, half_step: f32) -> f32 {
        let value = value as i32 as f32 * half_step;
        if negative { -value } else { value }
    }
}

/// Decodes each component's blocks and filters its subbands.
fn planes<F: Dequantised>(
    coding: &Coding,
    data: &[u8],
    components: &[Vec<Resolution>],
) -> Option<Vec<Plane<F::Sample>>> {
    let mut block = Block::default();
    let mut joined = Vec::new();
    let mut decoded = Vec::with_capacity(components.len());
    for resolutions in components {
        let mut plane = Plane::new(coding.columns, coding.rows);
        for resolution in resolutions {
            for (band, blocks) in resolution.bands.iter().zip(&resolution.blocks) {
                fill::<F>(coding, data, *band, blocks, (&mut block, &mut joined), &mut plane)?;
            }
        }
        wavelet::inverse::<F>(&mut plane, coding.levels.min(16));
        decoded.push(plane);
    }
    Some(decoded)
}

/// Decodes a subband's blocks into their places.
fn fill<F: Dequantised>(
    coding: &Coding,
    data: &[u8],
    band: Subband,
    blocks: &Blocks,
    (block, joined): (&mut Block, &mut Vec<u8>),
    plane: &mut Plane<F::Sample>,
) -> Option<()> {
    let (width, height) = (1 << coding.block.0, 1 << coding.block.1);
    // Equation E-3; the gains of subbands are in the filter.
    let step = (1.0 + f64::from(band.mantissa) / 2048.0) * 2_f64.powi(coding.precision as i32 - band.exponent as i32);
    let half_step = 0.5 * step as f32;
    for (at, contribution) in blocks.coded.iter().enumerate() {
        let Some(zero_planes) = contribution.zero_planes else { continue };
        let (left, top) = (at % blocks.columns * width, at / blocks.columns * height);
        let segment: &[u8] = match contribution.pieces.as_slice() {
            [whole] => &data[whole.clone()],
            pieces => {
                joined.clear();
                for piece in pieces {
                    joined.extend_from_slice(&data[piece.clone()]);
                }
                &*joined
            }
        };
        let coded = Coded {
            band: band.kind,
            columns: width.min(band.columns - left),
            rows: height.min(band.rows - top),
            // Equation E-2.
            planes: (band.exponent + coding.guard_bits).checked_sub(1 + zero_planes).filter(|planes| *planes <= 30)?,
            passes: contribution.passes,
            segment,
        };
        block.decode(coded)?;
        for row in 0..coded.rows {
            let line = &mut plane.row_mut(band.top + top + row)[band.left + left..];
            for (place, (value, negative)) in line.iter_mut().zip(block.row(row)) {
                *place = F::sample(value, negative, half_step);
            }
        }
    }
    Some(())
}

/// The reversible colour transform (G.2).
fn whole_colours(planes: &mut [Plane<i32>]) {
    let [first, second, third, ..] = planes else { return };
    for row in 0..first.rows {
        let rows = first.row_mut(row).iter_mut().zip(second.row_mut(row)).zip(third.row_mut(row));
        for ((y, u), v) in rows {
            let green = y.wrapping_sub(u.wrapping_add(*v) >> 2);
            (*y, *u, *v) = (v.wrapping_add(green), green, u.wrapping_add(green));
        }
    }
}

/// The irreversible colour transform (G.3).
fn real_colours(planes: &mut [Plane<f32>]) {
    let [first, second, third, ..] = planes else { return };
    for row in 0..first.rows {
        let rows = first.row_mut(row).iter_mut().zip(second.row_mut(row)).zip(third.row_mut(row));
        for ((y, u), v) in rows {
            let (luma, blue, red) = (*y, *u, *v);
            *y = luma + red * 1.402;
            *u = luma - blue * 0.344_13 - red * 0.714_14;
            *v = luma + blue * 1.772;
        }
    }
}

/// The nearest whole number, the even one of two, of samples that are limited to 16 bits later.
fn rounded(sample: f32) -> i32 {
    /// Above it, 32-bit floating point has no fractions.
    const WHOLE: f32 = 12_582_912.0;
    (sample.clamp(-1e6, 1e6) + WHOLE - WHOLE) as i32
}

/// Shifts levels (G.1) and interleaves components.
fn finish<T: Copy + Default>(coding: &Coding, planes: &[Plane<T>], values: &mut [u16], whole: impl Fn(T) -> i32) {
    let mask = u16::MAX >> (16 - coding.precision);
    let half = 1 << (coding.precision - 1);
    let line = coding.columns * planes.len();
    for (component, (plane, signed)) in planes.iter().zip(&coding.signed).enumerate() {
        let (shift, least, most) = if *signed { (0, -half, half - 1) } else { (half, 0, 2 * half - 1) };
        for (row, line) in values.chunks_exact_mut(line).enumerate() {
            let places = line[component..].iter_mut().step_by(planes.len());
            for (place, sample) in places.zip(plane.row(row)) {
                *place = whole(*sample).wrapping_add(shift).clamp(least, most) as u16 & mask;
            }
        }
    }
}
