//! The channels of a layer as pages of small pictures, each page one texture.
//!
//! A page holds the same channels whatever they are sorted by, so that sorting and filtering paint nothing anew, and
//! a page that nobody looks at is not painted at all.

use egui::{Color32, ColorImage};

use crate::display::colormap::Colormap;
use crate::explain::Activations;
use crate::viewer::paint::{Channel, Spread};
use crate::viewer::textures::Atlas;

/// The longest side of a channel in the grid, in texels.
const CELL_TEXELS: usize = 64;
/// The longest side of a page, in texels; smaller than what any graphics card takes.
const PAGE_TEXELS: usize = 512;

/// How a layer's channels are distributed over pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pages {
    channels: usize,
    /// Values along a side that become one texel.
    step: usize,
    /// Width and height of a cell, in texels.
    cell: [usize; 2],
    across: usize,
    per_page: usize,
}

impl Pages {
    /// The pages of a layer of so many channels of `rows` × `columns`.
    #[must_use]
    pub fn of(channels: usize, rows: usize, columns: usize) -> Self {
        let (rows, columns) = (rows.max(1), columns.max(1));
        let step = rows.max(columns).div_ceil(CELL_TEXELS);
        let cell = [columns.div_ceil(step), rows.div_ceil(step)];
        // A texel between the cells, so that none bleeds into its neighbour.
        let most = cell.map(|side| (PAGE_TEXELS / (side + 1)).max(1));
        let per_page = most[0] * most[1];
        let in_page = channels.clamp(1, per_page);
        let across = ((in_page as f32).sqrt().ceil() as usize).clamp(in_page.div_ceil(most[1]).max(1), most[0]);
        Self { channels, step, cell, across, per_page }
    }

    /// How many pages there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.channels.div_ceil(self.per_page)
    }

    /// The page that a channel is on, and its place there.
    #[must_use]
    pub fn place(&self, channel: usize) -> (usize, usize) {
        (channel / self.per_page, channel % self.per_page)
    }

    /// Height over width of a cell.
    #[must_use]
    pub fn aspect(&self) -> f32 {
        self.cell[1] as f32 / self.cell[0] as f32
    }

    /// The cells of a page: `colour` is asked for each texel of each channel, in cell coordinates.
    pub(super) fn paint(
        &self,
        page: usize,
        mut colour: impl FnMut(usize, usize, usize) -> Color32,
    ) -> (ColorImage, [usize; 2]) {
        let [width, height] = self.cell;
        let pitch = [width + 1, height + 1];
        let shown = self.on(page);
        let size = [self.across * pitch[0], shown.len().div_ceil(self.across).max(1) * pitch[1]];
        let mut pixels = vec![Color32::BLACK; size[0] * size[1]];
        for (place, channel) in shown.enumerate() {
            let corner = [(place % self.across) * pitch[0], (place / self.across) * pitch[1]];
            for y in 0..height {
                for x in 0..width {
                    pixels[(corner[1] + y) * size[0] + corner[0] + x] = colour(channel, x, y);
                }
            }
        }
        (ColorImage::new(size, pixels), pitch)
    }

    /// How a page lies in its texture.
    pub(super) fn atlas(&self, pitch: [usize; 2], channels: Vec<Channel>) -> Atlas {
        Atlas { channels, cells_across: self.across, cell_texels: self.cell, pitch_texels: pitch }
    }

    /// The channels of a page.
    pub(super) fn on(&self, page: usize) -> std::ops::Range<usize> {
        let first = (page * self.per_page).min(self.channels);
        first..(first + self.per_page).min(self.channels)
    }
}

/// How the colours of the grid are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Colours {
    /// Of layers that know no negative values.
    pub plain: &'static Colormap,
    /// Of layers that do: 0 lies in the middle.
    pub signed: &'static Colormap,
    /// One scale for all channels.
    pub shared: bool,
}

/// Whether a layer knows negative values.
#[must_use]
pub fn is_signed(activations: &Activations) -> bool {
    activations.minimum.iter().any(|low| *low < 0.0)
}

/// Smallest and largest value over all channels.
#[must_use]
pub fn range(activations: &Activations) -> (f32, f32) {
    let low = activations.minimum.iter().copied().fold(f32::INFINITY, f32::min);
    let high = activations.maximum.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    (low, high)
}

/// Paints one page.
#[must_use]
pub fn page(activations: &Activations, colours: Colours, page: usize) -> (ColorImage, Atlas) {
    let (rows, columns) = (activations.rows.max(1), activations.columns.max(1));
    let pages = Pages::of(activations.channels, rows, columns);
    let signed = is_signed(activations);
    let lookup = lookup(if signed { colours.signed } else { colours.plain });
    let common = range(activations);
    let channels: Vec<Channel> =
        pages.on(page).filter_map(|index| Some(measured(activations, index, activations.channel(index)?))).collect();
    let first = pages.on(page).start;
    let (image, pitch) = pages.paint(page, |index, x, y| {
        let (Some(values), Some(channel)) = (activations.channel(index), channels.get(index - first)) else {
            return Color32::BLACK;
        };
        let (low, high) = if colours.shared { common } else { (channel.min, channel.max) };
        let most = low.abs().max(high.abs());
        let (low, high) = if signed { (-most, most) } else { (low, high) };
        let value = mean_of_square(values, columns, rows, x * pages.step, y * pages.step, pages.step);
        let level = match high > low {
            true => (value - low) * 255.0 / (high - low),
            // Where all of a signed channel is 0 that is the middle of the scale, not its end.
            false if signed => 127.5,
            false => 0.0,
        };
        lookup[level.clamp(0.0, 255.0) as usize]
    });
    (image, pages.atlas(pitch, channels))
}

/// A colour map in 256 steps.
pub(super) fn lookup(colormap: &Colormap) -> Vec<Color32> {
    let colour = |level: u8| {
        let [red, green, blue] = colormap.rgb(f32::from(level) / 255.0);
        Color32::from_rgb(red, green, blue)
    };
    (0..=255).map(colour).collect()
}

/// The numbers of a channel.
fn measured(activations: &Activations, index: usize, values: &[f32]) -> Channel {
    let mean = activations.mean.get(index).copied().unwrap_or(f32::NAN);
    let count = values.len().max(1) as f64;
    let squares: f64 = values.iter().map(|value| (f64::from(*value) - f64::from(mean)).powi(2)).sum();
    let active = values.iter().filter(|value| **value > 0.0).count();
    let peak = (0..values.len()).max_by(|a, b| values[*a].total_cmp(&values[*b]).then(b.cmp(a))).unwrap_or(0);
    let columns = activations.columns.max(1);
    Channel {
        index,
        unit: None,
        min: activations.minimum.get(index).copied().unwrap_or(f32::NAN),
        max: activations.maximum.get(index).copied().unwrap_or(f32::NAN),
        mean,
        spread: Some(Spread {
            deviation: (squares / count).sqrt() as f32,
            active: (active as f64 / count) as f32,
            peak: (peak / columns, peak % columns),
        }),
    }
}

fn mean_of_square(values: &[f32], columns: usize, rows: usize, x: usize, y: usize, step: usize) -> f32 {
    if step == 1 {
        return values[y * columns + x];
    }
    let mut sum = 0.0;
    let mut count = 0_u32;
    for row in y..(y + step).min(rows) {
        for value in &values[row * columns + x..row * columns + (x + step).min(columns)] {
            sum += value;
            count += 1;
        }
    }
    sum / count.max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::colormap::COLORMAPS;

    fn layer(channels: usize, rows: usize, columns: usize, value: impl Fn(usize, usize) -> f32) -> Activations {
        let plane = rows * columns;
        let values: Vec<f32> = (0..channels * plane).map(|at| value(at / plane, at % plane)).collect();
        let each = |fold: fn(f32, f32) -> f32| {
            values.chunks(plane).map(|channel| channel.iter().copied().reduce(fold).unwrap()).collect::<Vec<_>>()
        };
        Activations {
            contributions: None,
            layer: "conv".to_owned(),
            channels,
            rows,
            columns,
            minimum: each(f32::min),
            maximum: each(f32::max),
            mean: values.chunks(plane).map(|channel| channel.iter().sum::<f32>() / plane as f32).collect(),
            values,
        }
    }

    fn colours(shared: bool) -> Colours {
        Colours { plain: &COLORMAPS[0], signed: Colormap::default_of(true), shared }
    }

    #[test]
    fn every_channel_has_one_place_and_pages_are_small() {
        for (channels, rows, columns) in [
            (2048, 7, 7),
            (512, 28, 28),
            (64, 112, 112),
            (2048, 64, 64),
            (1, 1, 1),
            (4096, 1, 1),
            (3, 500, 20),
            (0, 7, 7),
        ] {
            let pages = Pages::of(channels, rows, columns);
            let mut places: Vec<_> = (0..channels).map(|channel| pages.place(channel)).collect();
            places.dedup();
            assert_eq!(places.len(), channels);
            assert!(places.iter().all(|(page, _)| *page < pages.count()));
            let layer = layer(channels, rows, columns, |channel, _| channel as f32);
            let mut painted = 0;
            for number in 0..pages.count() {
                let (image, atlas) = page(&layer, colours(false), number);
                assert!(image.size.iter().all(|side| *side <= PAGE_TEXELS), "{:?}", image.size);
                assert!(atlas.channels.iter().all(|channel| pages.place(channel.index).0 == number));
                painted += atlas.channels.len();
            }
            assert_eq!(painted, channels, "{channels} × {rows} × {columns}");
        }
        assert_eq!(Pages::of(2048, 7, 7).count(), 1, "the deepest layers fit on one page");
    }

    #[test]
    fn a_channel_has_its_colours_by_itself_or_those_of_all() {
        let layer = layer(2, 1, 2, |channel, place| (place * (1 + 3 * channel)) as f32);
        let at = |shared: bool, channel: usize| {
            let (image, atlas) = page(&layer, colours(shared), 0);
            let place = atlas.pitch_texels[0] * (channel % atlas.cells_across);
            image.pixels[place + 1]
        };
        let [red, green, blue] = COLORMAPS[0].rgb(1.0);
        let brightest = Color32::from_rgb(red, green, blue);
        assert_eq!([at(false, 0), at(false, 1), at(true, 1)], [brightest; 3]);
        assert_ne!(at(true, 0), brightest, "1 of 4");
    }

    #[test]
    fn numbers_of_a_channel_are_those_of_its_values() {
        let values = [0.0, 2.0, 0.0, 6.0];
        let (_, atlas) = page(&layer(1, 2, 2, |_, place| values[place]), colours(false), 0);
        let Channel { min, max, mean, spread, .. } = atlas.channels[0];
        assert_eq!((min, max, mean), (0.0, 6.0, 2.0));
        let spread = spread.unwrap();
        assert!((spread.deviation - 6.0_f32.sqrt()).abs() < 1e-6, "{}", spread.deviation);
        assert_eq!((spread.active, spread.peak), (0.5, (1, 1)));
    }

    #[test]
    fn silence_and_what_is_no_number_are_painted_too() {
        let signed = layer(2, 1, 2, |channel, place| if channel == 0 { 0.0 } else { place as f32 - 0.5 });
        let (image, _) = page(&signed, colours(false), 0);
        let [red, green, blue] = Colormap::default_of(true).rgb(127.0 / 255.0);
        assert_eq!(image.pixels[0], Color32::from_rgb(red, green, blue), "0 is the middle of the scale");
        let (image, atlas) = page(&layer(1, 1, 2, |_, _| f32::NAN), colours(true), 0);
        assert_eq!((image.size, atlas.channels.len()), ([3, 2], 1));
    }
}
