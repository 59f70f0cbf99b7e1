//! Another number of rows and columns, by repetition or interpolation.

use candle_core::{Device, Tensor};

use super::super::support::{Span, Support};
use super::{
    super::{
        kernels::{resize, serve},
        op::{Forward, Op, Result, Rule, Saved},
    },
    image_shape,
};

/// How many rows and columns the output has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ResizeTo {
    /// The input's times these factors, rounded down; the factors also say where the places lie.
    Scales([f64; 2]),
    /// This many.
    Size([usize; 2]),
}

/// Which neighbour a place between two takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// The nearest, in the middle the one before.
    PreferFloor,
    /// The nearest, in the middle the one after.
    PreferCeil,
    /// The one before.
    Floor,
    /// The one after.
    Ceil,
}

/// How the value at a place comes from those of its neighbours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ResizeMode {
    /// One neighbour's.
    Nearest(Rounding),
    /// Linear interpolation along rows and columns.
    Linear,
    /// Cubic convolution over four neighbours (Keys 1981); beyond the edge its element goes on.
    Cubic {
        /// Keys' parameter: −0.75 in PyTorch and ONNX, −0.5 in TensorFlow.
        a: f64,
    },
}

/// Where the output's places lie in the input. `x` is the output's place, `scale` output per input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coordinates {
    /// `(x + ½) / scale − ½`.
    HalfPixel,
    /// As [`Coordinates::HalfPixel`], but 0 where the output has one place.
    PytorchHalfPixel,
    /// The first and last places of both lie on each other.
    AlignCorners,
    /// `x / scale`.
    Asymmetric,
}

/// Resizing of the rows and columns of `[batch, channels, rows, columns]`, without antialiasing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resize {
    /// How many rows and columns come out.
    pub output: ResizeTo,
    /// How values come from their neighbours.
    pub mode: ResizeMode,
    /// Where the places lie.
    pub coordinates: Coordinates,
}

/// Along one axis, for each place of the output the places of the input and their weights; as many for each.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::graph) struct Taps {
    /// How many there are for each place of the output.
    pub count: usize,
    /// All taps one after the other.
    pub taps: Vec<(usize, f64)>,
}

impl Taps {
    /// How many places the output has.
    pub fn outputs(&self) -> usize {
        self.taps.len() / self.count
    }
}

impl Resize {
    /// Rows and columns of the output, and for each axis the scale.
    fn sizes(&self, input: [usize; 2]) -> Result<[(usize, f64); 2], String> {
        let axis = |axis: usize| {
            let length = input[axis];
            let (output, scale) = match self.output {
                ResizeTo::Size(size) => (size[axis] as f64, size[axis] as f64 / length as f64),
                ResizeTo::Scales(scales) => ((length as f64 * scales[axis]).floor(), scales[axis]),
            };
            if !(1.0..=f64::from(u32::MAX)).contains(&output) {
                return Err(format!("{length} places cannot become {output}"));
            }
            Ok((output as usize, scale))
        };
        Ok([axis(0)?, axis(1)?])
    }

    /// The taps along rows and along columns.
    pub(super) fn taps(&self, shape: &[usize]) -> Result<[Taps; 2]> {
        let sizes = self.sizes([shape[2], shape[3]]).map_err(candle_core::Error::msg)?;
        Ok([0, 1].map(|axis| self.axis(shape[2 + axis], sizes[axis].0, sizes[axis].1)))
    }

    fn axis(&self, length: usize, outputs: usize, scale: f64) -> Taps {
        let last = length as i64 - 1;
        let inside = |place: i64| place.clamp(0, last) as usize;
        let (count, taps): (usize, Vec<(usize, f64)>) = match self.mode {
            ResizeMode::Nearest(rounding) => {
                // In single precision, as ONNX Runtime and PyTorch have it: where a place falls onto a limit between
                // two neighbours, the rounding decides.
                let place = |output| self.coordinates.place_f32(output, length, outputs, scale as f32);
                (1, (0..outputs).map(|output| (inside(rounding.round(place(output))), 1.0)).collect())
            }
            ResizeMode::Linear => {
                let taps = |output| {
                    let place = self.coordinates.place(output, length, outputs, scale).clamp(0.0, last as f64);
                    let (before, part) = (place.floor() as i64, place.fract());
                    [(inside(before), 1.0 - part), (inside(before + 1), part)]
                };
                (2, (0..outputs).flat_map(taps).collect())
            }
            ResizeMode::Cubic { a } => {
                let taps = |output| {
                    let place = self.coordinates.place(output, length, outputs, scale);
                    let (before, part) = (place.floor() as i64, place - place.floor());
                    [-1, 0, 1, 2].map(|step| (inside(before + step), keys(a, (part - step as f64).abs())))
                };
                (4, (0..outputs).flat_map(taps).collect())
            }
        };
        Taps { count, taps }
    }
}

/// Keys' cubic kernel at a distance.
fn keys(a: f64, distance: f64) -> f64 {
    let x = distance;
    if x <= 1.0 { ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0 } else { ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a }
}

impl Coordinates {
    fn place(self, output: usize, length: usize, outputs: usize, scale: f64) -> f64 {
        let x = output as f64;
        match self {
            Self::PytorchHalfPixel | Self::AlignCorners if outputs == 1 => 0.0,
            Self::HalfPixel | Self::PytorchHalfPixel => (x + 0.5) / scale - 0.5,
            Self::AlignCorners => x * (length - 1) as f64 / (outputs - 1) as f64,
            Self::Asymmetric => x / scale,
        }
    }

    fn place_f32(self, output: usize, length: usize, outputs: usize, scale: f32) -> f32 {
        let x = output as f32;
        match self {
            Self::PytorchHalfPixel | Self::AlignCorners if outputs == 1 => 0.0,
            Self::HalfPixel | Self::PytorchHalfPixel => (x + 0.5) / scale - 0.5,
            Self::AlignCorners => x * (length - 1) as f32 / (outputs - 1) as f32,
            Self::Asymmetric => x / scale,
        }
    }
}

impl Rounding {
    fn round(self, place: f32) -> i64 {
        let rounded = match self {
            Self::PreferFloor => (place - 0.5).ceil(),
            Self::PreferCeil => (place + 0.5).floor(),
            Self::Floor => place.floor(),
            Self::Ceil => place.ceil(),
        };
        rounded as i64
    }
}

impl Taps {
    /// For each place of the output the first and last place of the input that has a weight.
    fn span(&self) -> Span {
        let window = |taps: &[(usize, f64)]| {
            let places = || taps.iter().filter(|(_, weight)| *weight != 0.0).map(|(place, _)| *place);
            Some((places().min()?, places().max()?))
        };
        Span::Listed(self.taps.chunks_exact(self.count.max(1)).map(window).collect())
    }
}

impl Op for Resize {
    fn kind(&self) -> &'static str {
        "Resize"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [batch, channels, rows, columns] = image_shape(inputs)?;
        let [(tall, _), (wide, _)] = self.sizes([rows, columns])?;
        Ok(vec![batch, channels, tall, wide])
    }

    fn support(&self, inputs: &[&[usize]], which: usize) -> Support {
        let Ok(taps) = self.taps(inputs[which]) else { return Support::Everything };
        Support::Windows(taps.map(|taps| taps.span()))
    }

    fn forward(&self, inputs: &[&Tensor], _record: bool) -> Result<Forward> {
        let taps = self.taps(inputs[0].dims())?;
        let output =
            if serve(inputs[0]) { resize::forward(inputs[0], &taps)? } else { composed_forward(inputs[0], &taps)? };
        Ok(Forward::stateless(output))
    }

    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, _rule: Rule) -> Result<Tensor> {
        let shape = &saved.inputs[which];
        let (taps, size) = (self.taps(shape)?, [shape[2], shape[3]]);
        if serve(gradient) { resize::vjp(gradient, &taps, size) } else { composed_vjp(gradient, &taps, size) }
    }
}

/// The output as two matrix products.
pub(super) fn composed_forward(input: &Tensor, [rows, columns]: &[Taps; 2]) -> Result<Tensor> {
    let (batch, channels, height, width) = input.dims4()?;
    let across = matrix(columns, width, input)?.t()?.contiguous()?;
    let wide = input.contiguous()?.reshape((batch * channels * height, width))?.matmul(&across)?;
    let wide = wide.reshape((batch * channels, height, columns.outputs()))?;
    let down = matrix(rows, height, input)?;
    down.broadcast_matmul(&wide)?.reshape((batch, channels, rows.outputs(), columns.outputs()))
}

/// The gradient as two matrix products.
pub(super) fn composed_vjp(
    gradient: &Tensor,
    [rows, columns]: &[Taps; 2],
    [height, width]: [usize; 2],
) -> Result<Tensor> {
    let (batch, channels, tall, wide) = gradient.dims4()?;
    let across = matrix(columns, width, gradient)?;
    let narrow = gradient.contiguous()?.reshape((batch * channels * tall, wide))?.matmul(&across)?;
    let narrow = narrow.reshape((batch * channels, tall, width))?;
    let down = matrix(rows, height, gradient)?.t()?.contiguous()?;
    down.broadcast_matmul(&narrow)?.reshape((batch, channels, height, width))
}

/// The taps along one axis as a matrix `[outputs, length]`, of the type and on the device of `like`.
fn matrix(taps: &Taps, length: usize, like: &Tensor) -> Result<Tensor> {
    let mut values = vec![0.0_f64; taps.outputs() * length];
    for (row, taps) in values.chunks_exact_mut(length).zip(taps.taps.chunks(taps.count)) {
        for &(place, weight) in taps {
            row[place] += weight;
        }
    }
    let matrix = Tensor::from_vec(values, (taps.outputs(), length), &Device::Cpu)?;
    matrix.to_dtype(like.dtype())?.to_device(like.device())
}
