//! The layers that are trained, with gradients of our own.
//!
//! candle's automatic gradients are no use here: that of max pooling is wrong, and that of convolution runs over
//! a naive transposed convolution. So a convolution is `im2col` and a matrix product (candle's), its gradient two
//! matrix products and `col2im`, and pooling remembers which pixel won. The tests hold all of them to finite
//! differences.

use candle_core::{Device, Result, Tensor};

/// One image between two layers: channels × rows × columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    pub channels: usize,
    pub rows: usize,
    pub columns: usize,
    pub values: Vec<f32>,
}

impl Map {
    /// Rows × columns.
    pub fn area(&self) -> usize {
        self.rows * self.columns
    }
}

/// A trained tensor.
#[derive(Debug, Clone)]
pub struct Parameter {
    pub name: String,
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// The gradient of each parameter, in the same order.
pub type Gradients = Vec<Vec<f32>>;

/// One layer of the convolutional part; `weight` and `bias` are places in the list of parameters.
#[derive(Debug, Clone, Copy)]
pub enum Layer {
    Convolution { weight: usize, bias: usize, kernel: usize, stride: usize, padding: usize },
    Relu,
    MaxPool { kernel: usize, stride: usize },
}

/// What the way forward leaves for the way back.
enum Memory {
    Columns(Tensor),
    Nothing,
    Switches(Vec<u32>),
}

/// The outputs of all layers (the input first) and what each remembers.
pub struct Tape {
    maps: Vec<Map>,
    memories: Vec<Memory>,
}

impl Tape {
    /// The output of the last layer.
    pub fn output(&self) -> &Map {
        &self.maps[self.maps.len() - 1]
    }
}

/// Runs the layers. `tensors` are the parameters as candle tensors.
pub fn forward(layers: &[Layer], parameters: &[Parameter], tensors: &[Tensor], input: Map) -> Result<Tape> {
    let mut tape = Tape { maps: vec![input], memories: Vec::new() };
    for layer in layers {
        let (map, memory) = match *layer {
            Layer::Convolution { weight, bias, kernel, stride, padding } => {
                let outputs = parameters[weight].shape[0];
                let (columns, rows, width) = im2col(tape.output(), kernel, stride, padding);
                let length = columns.len() / (rows * width);
                let columns = Tensor::from_vec(columns, (length, rows * width), &Device::Cpu)?;
                let mut values = tensors[weight].matmul(&columns)?.flatten_all()?.to_vec1::<f32>()?;
                for (line, bias) in values.chunks_exact_mut(rows * width).zip(&parameters[bias].values) {
                    for value in line {
                        *value += bias;
                    }
                }
                (Map { channels: outputs, rows, columns: width, values }, Memory::Columns(columns))
            }
            Layer::Relu => {
                let map = tape.output();
                let values = map.values.iter().map(|value| value.max(0.0)).collect();
                (Map { values, ..*map }, Memory::Nothing)
            }
            Layer::MaxPool { kernel, stride } => {
                let (map, switches) = max_pool(tape.output(), kernel, stride);
                (map, Memory::Switches(switches))
            }
        };
        tape.maps.push(map);
        tape.memories.push(memory);
    }
    Ok(tape)
}

/// Adds to `gradients` what the gradient of the last layer's output means for the parameters.
pub fn backward(
    layers: &[Layer],
    parameters: &[Parameter],
    tensors: &[Tensor],
    tape: &Tape,
    output: Vec<f32>,
    gradients: &mut Gradients,
) -> Result<()> {
    let mut gradient = output;
    for (index, layer) in layers.iter().enumerate().rev() {
        let input = &tape.maps[index];
        gradient = match (*layer, &tape.memories[index]) {
            (Layer::Convolution { weight, bias, kernel, stride, padding }, Memory::Columns(columns)) => {
                let (outputs, area) = (parameters[weight].shape[0], tape.maps[index + 1].area());
                for (sum, line) in gradients[bias].iter_mut().zip(gradient.chunks_exact(area)) {
                    *sum += line.iter().sum::<f32>();
                }
                let above = Tensor::from_vec(gradient, (outputs, area), &Device::Cpu)?;
                let change = above.matmul(&columns.t()?)?.flatten_all()?.to_vec1::<f32>()?;
                add(&mut gradients[weight], &change);
                if index == 0 {
                    return Ok(());
                }
                let spread = tensors[weight].t()?.matmul(&above)?.flatten_all()?.to_vec1::<f32>()?;
                col2im(&spread, input, kernel, stride, padding)
            }
            (Layer::MaxPool { .. }, Memory::Switches(switches)) => unpool(&gradient, switches, input),
            _ => {
                let passes = gradient.iter().zip(&input.values);
                passes.map(|(gradient, value)| if *value > 0.0 { *gradient } else { 0.0 }).collect()
            }
        };
    }
    Ok(())
}

/// Max pooling without padding; also where in its channel each winner stood.
pub fn max_pool(map: &Map, kernel: usize, stride: usize) -> (Map, Vec<u32>) {
    let (rows, columns) = ((map.rows - kernel) / stride + 1, (map.columns - kernel) / stride + 1);
    let mut values = Vec::with_capacity(map.channels * rows * columns);
    let mut switches = Vec::with_capacity(values.capacity());
    for plane in map.values.chunks_exact(map.area()) {
        for row in 0..rows {
            for column in 0..columns {
                let mut best = row * stride * map.columns + column * stride;
                for dy in 0..kernel {
                    let start = (row * stride + dy) * map.columns + column * stride;
                    for place in start..start + kernel {
                        if plane[place] > plane[best] {
                            best = place;
                        }
                    }
                }
                values.push(plane[best]);
                switches.push(best as u32);
            }
        }
    }
    (Map { channels: map.channels, rows, columns, values }, switches)
}

/// The gradient of [`max_pool`] with respect to its input.
pub fn unpool(gradient: &[f32], switches: &[u32], input: &Map) -> Vec<f32> {
    let mut below = vec![0.0; input.values.len()];
    let count = gradient.len() / input.channels;
    for (channel, plane) in below.chunks_exact_mut(input.area()).enumerate() {
        for index in channel * count..(channel + 1) * count {
            plane[switches[index] as usize] += gradient[index];
        }
    }
    below
}

/// `target += change`.
pub fn add(target: &mut [f32], change: &[f32]) {
    target.iter_mut().zip(change).for_each(|(target, change)| *target += change);
}

/// For one row of a kernel's column: the span of output columns that read real pixels, and the first pixel.
fn span(offset: usize, padding: usize, stride: usize, width: usize, outputs: usize) -> (usize, usize) {
    let from = padding.saturating_sub(offset).div_ceil(stride);
    let to = if width + padding > offset { ((width - 1 + padding - offset) / stride + 1).min(outputs) } else { 0 };
    (from.min(to), to)
}

fn im2col(map: &Map, kernel: usize, stride: usize, padding: usize) -> (Vec<f32>, usize, usize) {
    let rows = (map.rows + 2 * padding - kernel) / stride + 1;
    let columns = (map.columns + 2 * padding - kernel) / stride + 1;
    let mut result = vec![0.0; map.channels * kernel * kernel * rows * columns];
    for (index, line) in result.chunks_exact_mut(rows * columns).enumerate() {
        let (channel, dy, dx) = (index / (kernel * kernel), index / kernel % kernel, index % kernel);
        let plane = &map.values[channel * map.area()..][..map.area()];
        let (from, to) = span(dx, padding, stride, map.columns, columns);
        for (row, out) in line.chunks_exact_mut(columns).enumerate() {
            let source = row * stride + dy;
            if from == to || source < padding || source - padding >= map.rows {
                continue;
            }
            let start = (source - padding) * map.columns + from * stride + dx - padding;
            let out = &mut out[from..to];
            if stride == 1 {
                out.copy_from_slice(&plane[start..start + out.len()]);
            } else {
                out.iter_mut().zip(plane[start..].iter().step_by(stride)).for_each(|(out, value)| *out = *value);
            }
        }
    }
    (result, rows, columns)
}

fn col2im(spread: &[f32], map: &Map, kernel: usize, stride: usize, padding: usize) -> Vec<f32> {
    let rows = (map.rows + 2 * padding - kernel) / stride + 1;
    let columns = (map.columns + 2 * padding - kernel) / stride + 1;
    let mut result = vec![0.0; map.values.len()];
    for (index, line) in spread.chunks_exact(rows * columns).enumerate() {
        let (channel, dy, dx) = (index / (kernel * kernel), index / kernel % kernel, index % kernel);
        let area = map.area();
        let plane = &mut result[channel * area..][..area];
        let (from, to) = span(dx, padding, stride, map.columns, columns);
        for (row, values) in line.chunks_exact(columns).enumerate() {
            let source = row * stride + dy;
            if from == to || source < padding || source - padding >= map.rows {
                continue;
            }
            let start = (source - padding) * map.columns + from * stride + dx - padding;
            let values = &values[from..to];
            plane[start..].iter_mut().step_by(stride).zip(values).for_each(|(out, value)| *out += value);
        }
    }
    result
}

/// The parameters as tensors, matrices where they have more than one axis (outputs × the rest).
pub fn tensors(parameters: &[Parameter]) -> Result<Vec<Tensor>> {
    parameters
        .iter()
        .map(|parameter| {
            let first = parameter.shape[0];
            let shape = (first, parameter.values.len() / first);
            Tensor::from_slice(&parameter.values, shape, &Device::Cpu)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        (0..count)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / 8_388_608.0 - 1.0
            })
            .collect()
    }

    fn loss(layers: &[Layer], parameters: &[Parameter], input: &Map, seed: &[f32]) -> f64 {
        let tensors = tensors(parameters).unwrap();
        let tape = forward(layers, parameters, &tensors, input.clone()).unwrap();
        tape.output().values.iter().zip(seed).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let parameter = |name: &str, shape: &[usize], seed| Parameter {
            name: name.into(),
            shape: shape.to_vec(),
            values: numbers(shape.iter().product(), seed),
        };
        let mut parameters = vec![
            parameter("a", &[4, 2, 5, 5], 1),
            parameter("b", &[4], 2),
            parameter("c", &[3, 4, 3, 3], 3),
            parameter("d", &[3], 4),
        ];
        let layers = [
            Layer::Convolution { weight: 0, bias: 1, kernel: 5, stride: 2, padding: 2 },
            Layer::Relu,
            Layer::MaxPool { kernel: 3, stride: 2 },
            Layer::Convolution { weight: 2, bias: 3, kernel: 3, stride: 1, padding: 1 },
            Layer::Relu,
        ];
        let input = Map { channels: 2, rows: 19, columns: 17, values: numbers(2 * 19 * 17, 5) };
        let ready = tensors(&parameters).unwrap();
        let tape = forward(&layers, &parameters, &ready, input.clone()).unwrap();
        assert_eq!((tape.output().rows, tape.output().columns), (4, 4));
        let seed = numbers(tape.output().values.len(), 6);
        let mut gradients: Gradients = parameters.iter().map(|p| vec![0.0; p.values.len()]).collect();
        backward(&layers, &parameters, &ready, &tape, seed.clone(), &mut gradients).unwrap();
        // In one parameter the network is linear but for kinks (a unit or a pooling's winner that switches): where the
        // slopes to both sides agree there is none, and the gradient is that slope.
        let (mut compared, mut kinks) = (0, 0);
        for index in 0..4 {
            for place in (0..parameters[index].values.len()).step_by(3) {
                let step = 1e-3;
                let before = parameters[index].values[place];
                let [low, middle, high] = [before - step, before, before + step].map(|value| {
                    parameters[index].values[place] = value;
                    loss(&layers, &parameters, &input, &seed)
                });
                parameters[index].values[place] = before;
                let [left, right] = [middle - low, high - middle].map(|rise| rise / f64::from(step));
                let found = f64::from(gradients[index][place]);
                let tolerance = 2e-2 * (1.0 + found.abs());
                if (left - right).abs() > tolerance {
                    kinks += 1;
                    continue;
                }
                compared += 1;
                let expected = 0.5 * (left + right);
                assert!((expected - found).abs() < tolerance, "{index} {place}: {found}, {expected}");
            }
        }
        assert!(kinks * 4 < compared, "{kinks} kinks, {compared} slopes");
    }

    #[test]
    fn pooling_gives_the_whole_gradient_to_the_winner() {
        let map = Map { channels: 1, rows: 2, columns: 2, values: vec![1.0, 2.0, 3.0, 4.0] };
        let (pooled, switches) = max_pool(&map, 2, 2);
        assert_eq!(pooled.values, [4.0]);
        assert_eq!(unpool(&[1.0], &switches, &map), [0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn overlapping_windows_add_up_at_a_shared_winner() {
        let map = Map { channels: 1, rows: 3, columns: 5, values: numbers(15, 9) };
        let mut map = map;
        map.values[7] = 5.0;
        let (pooled, switches) = max_pool(&map, 3, 2);
        assert_eq!(pooled.values, [5.0, 5.0]);
        assert_eq!(unpool(&[1.0, 2.0], &switches, &map)[7], 3.0);
    }
}
