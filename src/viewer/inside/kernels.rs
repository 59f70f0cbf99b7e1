//! Filters as pictures: colour images where they work on colours, else a matrix of kernels.

use egui::{Color32, ColorImage};

use super::atlas::{Pages, lookup};
use crate::display::colormap::Colormap;
use crate::inside::Filters;
use crate::viewer::paint::Channel;
use crate::viewer::textures::Atlas;

/// The longest side of a page, in texels.
const PAGE_TEXELS: usize = 512;

/// How the filters of a layer are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One image a filter, in the colours of the network's input.
    Colour,
    /// One image a filter: it has one input channel.
    Single,
    /// A row a filter, with a kernel for each input channel.
    Matrix,
}

/// How these filters are shown.
#[must_use]
pub fn form(filters: &Filters) -> Form {
    match filters.inputs {
        3 if filters.first && filters.rows * filters.columns > 1 => Form::Colour,
        1 if filters.rows * filters.columns > 1 => Form::Single,
        _ => Form::Matrix,
    }
}

/// How a matrix of kernels is cut into pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sheets {
    outputs: usize,
    inputs: usize,
    /// Columns and rows of a kernel with what lies between it and the next, in texels.
    pub pitch: [usize; 2],
    /// Kernels across and down a page.
    pub block: [usize; 2],
}

impl Sheets {
    /// The pages of these filters.
    #[must_use]
    pub fn of(filters: &Filters) -> Self {
        let gap = usize::from(filters.rows * filters.columns > 1);
        let pitch = [filters.columns + gap, filters.rows + gap];
        let block = pitch.map(|side| (PAGE_TEXELS / side.max(1)).max(1));
        Self { outputs: filters.outputs, inputs: filters.inputs, pitch, block }
    }

    /// Pages side by side.
    #[must_use]
    pub fn across(&self) -> usize {
        self.inputs.div_ceil(self.block[0]).max(1)
    }

    /// The pages on which these outputs and inputs are.
    #[must_use]
    pub fn pages(&self, outputs: std::ops::Range<usize>, inputs: std::ops::Range<usize>) -> Vec<usize> {
        if outputs.is_empty() || inputs.is_empty() {
            return Vec::new();
        }
        let (first_row, last_row) = (outputs.start / self.block[1], (outputs.end - 1) / self.block[1]);
        let (first, last) = (inputs.start / self.block[0], (inputs.end - 1) / self.block[0]);
        let across = self.across();
        (first_row..=last_row).flat_map(|row| (first..=last).map(move |column| row * across + column)).collect()
    }

    /// The outputs and inputs of a page.
    #[must_use]
    pub fn on(&self, page: usize) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        let part = |at: usize, block: usize, all: usize| (at * block).min(all)..((at + 1) * block).min(all);
        let (row, column) = (page / self.across(), page % self.across());
        (part(row, self.block[1], self.outputs), part(column, self.block[0], self.inputs))
    }
}

fn greatest(values: &[f32]) -> f32 {
    values.iter().fold(0.0_f32, |most, value| most.max(value.abs()))
}

/// A value of a scale that reaches from −`most` to `most`, 0 ..= 1.
fn part(value: f32, most: f32) -> f32 {
    if most > 0.0 { (0.5 + 0.5 * value / most).clamp(0.0, 1.0) } else { 0.5 }
}

/// Paints a page of one image a filter; on a scale of its own each, or on one for all.
#[must_use]
pub fn images(filters: &Filters, colormap: &Colormap, shared: bool, page: usize) -> (ColorImage, Atlas) {
    let pages = Pages::of(filters.outputs, filters.rows, filters.columns);
    let common = if shared { greatest(&filters.values) } else { 0.0 };
    let lookup = lookup(colormap);
    let is_colour = form(filters) == Form::Colour;
    let size = filters.rows * filters.columns;
    let mut scale = (usize::MAX, 0.0);
    let (image, pitch) = pages.paint(page, |output, x, y| {
        let Some(values) = filters.filter(output) else { return Color32::BLACK };
        if scale.0 != output {
            scale = (output, if shared { common } else { greatest(values) });
        }
        let at = |input: usize| part(values[input * size + y * filters.columns + x], scale.1);
        if is_colour {
            let [red, green, blue] = [0, 1, 2].map(|input| (at(input) * 255.0).round() as u8);
            Color32::from_rgb(red, green, blue)
        } else {
            lookup[(at(0) * 255.0) as usize]
        }
    });
    let channels = pages.on(page).map(|index| {
        let values = filters.filter(index).unwrap_or(&[]);
        let (min, max) = extremes(values);
        let mean = values.iter().sum::<f32>() / values.len().max(1) as f32;
        Channel { index, unit: None, min, max, mean, spread: None }
    });
    let channels = channels.collect();
    (image, pages.atlas(pitch, channels))
}

/// Smallest and largest of some weights.
#[must_use]
pub fn extremes(values: &[f32]) -> (f32, f32) {
    values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)))
}

/// Paints a page of the matrix of kernels: a row an output channel, a kernel an input channel.
#[must_use]
pub fn matrix(filters: &Filters, colormap: &Colormap, shared: bool, page: usize) -> ColorImage {
    let sheets = Sheets::of(filters);
    let (outputs, inputs) = sheets.on(page);
    let [width, height] = sheets.pitch;
    let size = [(inputs.len() * width).max(1), (outputs.len() * height).max(1)];
    let lookup = lookup(colormap);
    let common = if shared { greatest(&filters.values) } else { 0.0 };
    let mut pixels = vec![Color32::BLACK; size[0] * size[1]];
    for (row, output) in outputs.enumerate() {
        let most = if shared { common } else { filters.filter(output).map_or(0.0, greatest) };
        for (column, input) in inputs.clone().enumerate() {
            let Some(kernel) = filters.kernel(output, input) else { continue };
            for (y, line) in kernel.chunks_exact(filters.columns.max(1)).enumerate() {
                let start = (row * height + y) * size[0] + column * width;
                for (pixel, value) in pixels[start..].iter_mut().zip(line) {
                    *pixel = lookup[(part(*value, most) * 255.0) as usize];
                }
            }
        }
    }
    ColorImage::new(size, pixels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inside::FilterKind;

    fn filters(outputs: usize, inputs: usize, side: usize, first: bool) -> Filters {
        let count = outputs * inputs * side * side;
        Filters {
            layer: "conv".to_owned(),
            kind: FilterKind::Convolution { groups: 1 },
            outputs,
            all_outputs: outputs,
            inputs,
            rows: side,
            columns: side,
            first,
            values: (0..count).map(|at| at as f32).collect(),
        }
    }

    #[test]
    fn kernels_of_the_input_are_colours_and_deeper_ones_a_matrix() {
        assert_eq!(form(&filters(4, 3, 3, true)), Form::Colour);
        assert_eq!(form(&filters(4, 3, 3, false)), Form::Matrix);
        assert_eq!(form(&filters(4, 3, 1, true)), Form::Matrix, "a single pixel is no picture");
        assert_eq!(form(&filters(4, 1, 5, true)), Form::Single);
        assert_eq!(form(&filters(10, 64, 1, false)), Form::Matrix);
    }

    #[test]
    fn every_kernel_is_on_one_page() {
        let filters = filters(300, 200, 3, false);
        let sheets = Sheets::of(&filters);
        assert_eq!(sheets.block, [128, 128]);
        assert_eq!(sheets.pages(0..300, 0..200), [0, 1, 2, 3, 4, 5]);
        assert_eq!(sheets.pages(130..140, 0..128), [2]);
        assert!(sheets.pages(5..5, 0..9).is_empty());
        let kernels: usize = (0..6).map(|page| sheets.on(page)).map(|(rows, columns)| rows.len() * columns.len()).sum();
        assert_eq!(kernels, 300 * 200);
        let image = matrix(&filters, Colormap::default_of(true), false, 5);
        assert_eq!(image.size, [(200 - 128) * 4, (300 - 256) * 4]);
    }

    #[test]
    fn nothing_is_grey_and_the_strongest_weight_ends_the_scale() {
        let mut colours = filters(2, 3, 2, true);
        colours.values = vec![0.0; 24];
        colours.values[12] = -2.0;
        let (image, atlas) = images(&colours, Colormap::default_of(true), false, 0);
        assert_eq!(image.pixels[0], Color32::from_rgb(128, 128, 128));
        let second = atlas.pitch_texels[0];
        assert_eq!(image.pixels[second], Color32::from_rgb(0, 128, 128), "red taken away");
        assert_eq!(atlas.channels[1].min, -2.0);
        let mut small = filters(1, 2, 1, false);
        small.values = vec![f32::NAN, 0.5];
        let image = matrix(&small, Colormap::default_of(true), true, 0);
        assert_eq!(image.size, [2, 1]);
    }
}
