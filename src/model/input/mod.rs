//! From a picture to the network's input, as the model card says.
//!
//! The order is: window (grey pictures), luma or repetition to the card's channels, resize, pad or crop, order of the
//! colours, `x / scale`, `(x − mean) / std`. Colour and 8-bit values are resized in 8 bits and luma is taken in
//! integers, so that results equal those of a Python pipeline on Pillow.

mod fit;
mod resize;

use candle_core::{Device, Tensor};

pub use fit::Fit;

use super::{
    card::{Card, Order, WindowMode},
    error::ModelError,
};
use crate::display::{Picture, PictureKind};

/// A network's input and where it lies in the slice.
#[derive(Debug, Clone)]
pub struct Input {
    /// `[1, channels, rows, columns]`, normalised.
    pub tensor: Tensor,
    /// Between slice pixels and input pixels.
    pub fit: Fit,
}

/// The most pixels that a slice may be resized to before the centre is cut out.
const MOST_RESIZED: usize = 1 << 26;

/// Makes the input of a card's network on a device.
///
/// # Errors
/// [`ModelError::Input`] when the picture is empty, its values do not match its size, it has values that are not
/// finite where they matter, or its aspect is too extreme for a crop; [`ModelError::Tensor`] when the device has no
/// room.
pub fn prepare(card: &Card, picture: &Picture, device: &Device) -> Result<Input, ModelError> {
    let refuse = |reason: String| Err(ModelError::Input { reason });
    let size = [picture.rows, picture.columns];
    if size.contains(&0) {
        return refuse("it is empty".to_owned());
    }
    let per_pixel = match &picture.kind {
        PictureKind::Grey { values, .. } => values.len(),
        PictureKind::Rgb { pixels } => pixels.len() / 3,
    };
    if picture.rows.checked_mul(picture.columns) != Some(per_pixel) {
        return refuse(format!("it has {per_pixel} pixels where {} × {} are announced", size[0], size[1]));
    }
    let fit = Fit::new(card.input.fit, size, card.input.size);
    if fit.resized[0].saturating_mul(fit.resized[1]) > MOST_RESIZED {
        return refuse(format!("{} × {} is too long and narrow to be cropped; use fit = \"pad\"", size[0], size[1]));
    }
    let planes = match Raster::of(card, picture)? {
        Raster::Bytes(values, channels) => planes(&values, channels, &fit, f64::from),
        Raster::Floats(values) => planes(&values, 1, &fit, f64::from),
    };
    let tensor = normalise(card, &planes, &fit, device)?;
    Ok(Input { tensor, fit })
}

/// A slice before resizing: interleaved channels.
enum Raster {
    Bytes(Vec<u8>, usize),
    Floats(Vec<f32>),
}

impl Raster {
    fn of(card: &Card, picture: &Picture) -> Result<Self, ModelError> {
        let (values, inverted) = match &picture.kind {
            PictureKind::Rgb { pixels } if card.input.channels == 1 => return Ok(Self::Bytes(resize::luma(pixels), 1)),
            PictureKind::Rgb { pixels } => return Ok(Self::Bytes(pixels.clone(), 3)),
            PictureKind::Grey { .. } if card.input.window == WindowMode::Study => {
                return Ok(Self::Bytes(picture.grey8(&picture.default_voi(), false), 1));
            }
            PictureKind::Grey { values, inverted, .. } => (values.numbers(), *inverted),
        };
        if !values.iter().all(|value| value.is_finite()) {
            let reason = "it has values that are not finite; use window = \"study\"".to_owned();
            return Err(ModelError::Input { reason });
        }
        let shown = |value: f64| {
            let limited = value.clamp(0.0, 255.0);
            (if inverted { 255.0 - limited } else { limited }) as f32
        };
        let windowed = match card.input.window {
            WindowMode::Study | WindowMode::Raw => values.into_owned(),
            WindowMode::Fixed { centre, width } => {
                let show = |&value: &f32| shown(((f64::from(value) - centre) / width + 0.5) * 255.0);
                values.iter().map(show).collect()
            }
            WindowMode::MinMax => {
                let (low, high) = picture.range();
                let span = f64::from(high) - f64::from(low);
                let span = if span > 0.0 { span } else { f64::INFINITY };
                values.iter().map(|&value| shown((f64::from(value) - f64::from(low)) / span * 255.0)).collect()
            }
        };
        Ok(Self::Floats(windowed))
    }
}

/// Resizes, pads and crops; gives one plane of the input's size a channel.
fn planes<T: resize::Sample>(values: &[T], channels: usize, fit: &Fit, number: impl Fn(T) -> f64) -> Vec<Vec<f64>> {
    let [from, to] = [fit.slice, fit.resized].map(|[rows, columns]| (rows, columns));
    let resized = resize::resize(values, from, to, channels);
    (0..channels)
        .map(|channel| {
            let mut plane = vec![0.0; fit.input[0] * fit.input[1]];
            for (row, line) in plane.chunks_exact_mut(fit.input[1]).enumerate() {
                let Some(source_row) = within(row, fit.shift[0], fit.resized[0]) else { continue };
                for (column, pixel) in line.iter_mut().enumerate() {
                    let Some(source_column) = within(column, fit.shift[1], fit.resized[1]) else { continue };
                    *pixel = number(resized[(source_row * fit.resized[1] + source_column) * channels + channel]);
                }
            }
            plane
        })
        .collect()
}

/// The index in the resized slice, if there is one.
fn within(index: usize, shift: i64, size: usize) -> Option<usize> {
    usize::try_from(index as i64 - shift).ok().filter(|&at| at < size)
}

fn normalise(card: &Card, planes: &[Vec<f64>], fit: &Fit, device: &Device) -> Result<Tensor, ModelError> {
    let channels = card.input.channels;
    let mut values = Vec::with_capacity(channels * fit.input[0] * fit.input[1]);
    for (channel, (mean, std)) in card.normalisation().into_iter().enumerate() {
        let colour = match card.input.order {
            Order::Rgb => channel,
            Order::Bgr => channels - 1 - channel,
        };
        // A grey slice has one plane, which every channel repeats.
        let plane = &planes[colour.min(planes.len() - 1)];
        values.extend(plane.iter().map(|value| ((value / card.input.scale - mean) / std) as f32));
    }
    Ok(Tensor::from_vec(values, (1, channels, fit.input[0], fit.input[1]), device)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::{Voi, VoiFunction};

    fn card(input: &str) -> Card {
        let text = format!(
            "name = \"n\"\nversion = \"1\"\narchitecture = \"a\"\nweights = \"w\"\n[input]\nsize = [2, 2]\n{input}\n"
        );
        Card::parse(&text, "test").unwrap()
    }

    fn grey(values: &[f32], rows: usize, columns: usize) -> Picture {
        let voi =
            vec![Voi::Window { centre: 100.0, width: 200.0, function: VoiFunction::LinearExact, explanation: None }];
        Picture::new(rows, columns, PictureKind::Grey { values: values.to_vec().into(), voi, inverted: false })
    }

    fn monochrome1(values: &[f32]) -> Picture {
        let mut picture = grey(values, 2, 2);
        if let PictureKind::Grey { inverted, .. } = &mut picture.kind {
            *inverted = true;
        }
        picture
    }

    fn values(card: &Card, picture: &Picture) -> Vec<f32> {
        prepare(card, picture, &Device::Cpu).unwrap().tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    fn refusal(card: &Card, picture: &Picture) -> String {
        prepare(card, picture, &Device::Cpu).unwrap_err().to_string()
    }

    #[test]
    fn grey_values_are_windowed_as_the_card_says() {
        let picture = grey(&[0.0, 50.0, 100.0, 400.0], 2, 2);
        let channel = |window: &str| values(&card(&format!("channels = 1\nscale = 1\n{window}")), &picture);
        assert_eq!(channel("window = \"raw\""), [0.0, 50.0, 100.0, 400.0]);
        assert_eq!(channel("window = \"minmax\""), [0.0, 31.875, 63.75, 255.0]);
        assert_eq!(channel("window = [100, 200]"), [0.0, 63.75, 127.5, 255.0]);
        let study = channel("");
        assert_eq!((study[0], study[3]), (0.0, 255.0));
        assert!((study[1] - 64.0).abs() <= 1.0 && study.iter().all(|value| value.fract() == 0.0), "{study:?}");
    }

    #[test]
    fn monochrome1_is_inverted_as_on_the_screen_but_not_when_raw() {
        let picture = monochrome1(&[0.0, 50.0, 100.0, 400.0]);
        let channel = |window: &str| values(&card(&format!("channels = 1\nscale = 1\n{window}")), &picture);
        assert_eq!(channel("window = \"raw\""), [0.0, 50.0, 100.0, 400.0]);
        assert_eq!(channel("window = \"minmax\""), [255.0, 223.125, 191.25, 0.0]);
        let study = channel("");
        assert_eq!((study[0], study[3]), (255.0, 0.0));
    }

    #[test]
    fn a_grey_slice_is_repeated_and_normalised_per_channel() {
        let card = card("window = \"raw\"\nscale = 10\nmean = [0, 1, 2]\nstd = [1, 2, 4]");
        let found = values(&card, &grey(&[0.0, 10.0, 20.0, 30.0], 2, 2));
        assert_eq!(found, [0.0, 1.0, 2.0, 3.0, -0.5, 0.0, 0.5, 1.0, -0.5, -0.25, 0.0, 0.25]);
    }

    #[test]
    fn colours_are_ordered_and_become_luma() {
        let pixels = [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255].to_vec();
        let picture = Picture::new(2, 2, PictureKind::Rgb { pixels });
        let rgb = values(&card(""), &picture);
        assert_eq!(rgb, [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
        let bgr = values(&card("order = \"bgr\""), &picture);
        assert_eq!(bgr, [0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0]);
        assert_eq!(values(&card("channels = 1\nscale = 1"), &picture), [76.0, 150.0, 29.0, 255.0]);
    }

    #[test]
    fn padding_is_black_and_cropping_keeps_the_centre() {
        let wide = grey(&[1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0], 2, 4);
        let crop = values(&card("channels = 1\nscale = 1\nwindow = \"raw\"\nfit = \"crop\""), &wide);
        assert_eq!(crop, [2.0, 3.0, 2.0, 3.0]);
        let pad = values(&card("channels = 1\nscale = 1\nwindow = \"raw\"\nfit = \"pad\""), &wide);
        assert_eq!(pad[2..], [0.0, 0.0]);
        assert!(pad[0] > 1.0 && pad[1] < 4.0 && pad[0] < pad[1], "{pad:?}");
    }

    #[test]
    fn what_cannot_be_an_input_is_refused_in_a_sentence() {
        let raw = card("channels = 1\nwindow = \"raw\"");
        assert!(refusal(&raw, &grey(&[], 0, 4)).contains("it is empty"));
        assert!(refusal(&raw, &grey(&[1.0; 3], 2, 2)).contains("3 pixels where 2 × 2"));
        assert!(refusal(&raw, &grey(&[1.0, f32::NAN, 1.0, 1.0], 2, 2)).contains("not finite"));
        let crop =
            Card { input: super::super::card::InputCard { size: [8192, 8192], ..card("fit = \"crop\"").input }, ..raw };
        assert!(refusal(&crop, &grey(&[1.0; 100], 1, 100)).contains("too long and narrow"));
    }

    #[test]
    fn a_constant_slice_has_no_contrast_to_stretch() {
        assert_eq!(values(&card("channels = 1\nscale = 1\nwindow = \"minmax\""), &grey(&[7.0; 4], 2, 2)), [0.0; 4]);
    }
}
