//! What looks at all elements of a matrix row: sums, maxima, softmax, normalisation. Sums are taken in `f64`.

use candle_core::{Result, Tensor, WithDType};
use rayon::prelude::*;

use super::{super::ops::Reduction, CHUNK, for_float, read, tensor};

/// How many rows of this length one thread takes at least.
fn grain(length: usize) -> usize {
    (CHUNK / length.max(1)).max(1)
}

/// The sum of a function of all elements, in several lanes so that it neither waits nor loses digits.
fn sum<T: WithDType>(values: &[T], function: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0; 8];
    let (chunks, rest) = values.as_chunks::<8>();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += function(value.to_f64());
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane += function(value.to_f64());
    }
    lanes.iter().sum()
}

/// One number for each row of `[rows, length]`: `[rows, 1]`.
pub(in crate::graph) fn reduce(kind: Reduction, matrix: &Tensor) -> Result<Tensor> {
    for_float!(matrix, reduce_of(kind, matrix))
}

fn reduce_of<T: WithDType>(kind: Reduction, matrix: &Tensor) -> Result<Tensor> {
    let (rows, length) = matrix.dims2()?;
    let output = read(matrix, |values: &[T]| {
        let rows = values.par_chunks(length).with_min_len(grain(length));
        Ok(rows.map(|row| T::from_f64(reduce_row(kind, row))).collect::<Vec<T>>())
    })?;
    tensor(output, (rows, 1))
}

fn reduce_row<T: WithDType>(kind: Reduction, row: &[T]) -> f64 {
    match kind {
        Reduction::Sum => sum(row, |x| x),
        Reduction::Mean => sum(row, |x| x) / row.len() as f64,
        Reduction::L1 => sum(row, f64::abs),
        Reduction::L2 => sum(row, |x| x * x).sqrt(),
        Reduction::SumSquare => sum(row, |x| x * x),
        Reduction::Prod => row.iter().map(|x| x.to_f64()).product(),
        Reduction::LogSumExp => {
            let largest = row[winner(row, true)].to_f64();
            // An infinite maximum is the result; shifting by it would give NaN.
            if largest.is_finite() { largest + sum(row, |x| (x - largest).exp()).ln() } else { largest }
        }
        Reduction::Max => row[winner(row, true)].to_f64(),
        Reduction::Min => row[winner(row, false)].to_f64(),
    }
}

/// The place of the first largest (or smallest) element of each row, `[rows, 1]` of `u32`; NaN wins over all.
pub(in crate::graph) fn winners(matrix: &Tensor, largest: bool) -> Result<Tensor> {
    for_float!(matrix, winners_of(matrix, largest))
}

fn winners_of<T: WithDType>(matrix: &Tensor, largest: bool) -> Result<Tensor> {
    let (rows, length) = matrix.dims2()?;
    let places = read(matrix, |values: &[T]| {
        let rows = values.par_chunks(length).with_min_len(grain(length));
        Ok(rows.map(|row| winner(row, largest) as u32).collect::<Vec<u32>>())
    })?;
    tensor(places, (rows, 1))
}

fn winner<T: WithDType>(row: &[T], largest: bool) -> usize {
    let mut best = 0;
    for (place, &value) in row.iter().enumerate() {
        if value.partial_cmp(&value).is_none() {
            return place;
        }
        if (largest && value > row[best]) || (!largest && value < row[best]) {
            best = place;
        }
    }
    best
}

/// The softmax of each row, or its logarithm.
pub(in crate::graph) fn softmax(matrix: &Tensor, logarithm: bool) -> Result<Tensor> {
    for_float!(matrix, softmax_of(matrix, logarithm))
}

fn softmax_of<T: WithDType>(matrix: &Tensor, logarithm: bool) -> Result<Tensor> {
    map_rows(matrix, |row: &[T], output: &mut [T]| {
        let largest = row[winner(row, true)].to_f64();
        let total = sum(row, |x| (x - largest).exp());
        let log_total = total.ln();
        for (y, x) in output.iter_mut().zip(row) {
            let shifted = x.to_f64() - largest;
            *y = T::from_f64(if logarithm { shifted - log_total } else { shifted.exp() / total });
        }
    })
}

/// The gradient of softmax, or of its logarithm; `output` is its own.
pub(in crate::graph) fn softmax_vjp(gradient: &Tensor, output: &Tensor, logarithm: bool) -> Result<Tensor> {
    for_float!(gradient, softmax_vjp_of(gradient, output, logarithm))
}

fn softmax_vjp_of<T: WithDType>(gradient: &Tensor, output: &Tensor, logarithm: bool) -> Result<Tensor> {
    map_row_pairs(gradient, output, |gradient: &[T], output: &[T], back: &mut [T]| {
        let pairs = || gradient.iter().zip(output).map(|(g, y)| (g.to_f64(), y.to_f64()));
        let total: f64 = if logarithm { sum(gradient, |g| g) } else { pairs().map(|(g, y)| g * y).sum() };
        for (b, (g, y)) in back.iter_mut().zip(pairs()) {
            *b = T::from_f64(if logarithm { g - y.exp() * total } else { y * (g - total) });
        }
    })
}

/// Each row shifted and scaled to mean 0 and variance 1 (`ε` added to the variance), and the scales, `[rows, 1]`.
pub(in crate::graph) fn normalise(matrix: &Tensor, epsilon: f64) -> Result<(Tensor, Tensor)> {
    for_float!(matrix, normalise_of(matrix, epsilon))
}

fn normalise_of<T: WithDType>(matrix: &Tensor, epsilon: f64) -> Result<(Tensor, Tensor)> {
    let (rows, length) = matrix.dims2()?;
    let (normal, scales) = read(matrix, |values: &[T]| {
        let mut normal = vec![T::zero(); values.len()];
        let mut scales = vec![T::zero(); rows];
        let outputs = normal.par_chunks_mut(length).zip(&mut scales).with_min_len(grain(length));
        outputs.zip(values.par_chunks(length)).for_each(|((normal, scale), row)| {
            let mean = sum(row, |x| x) / length as f64;
            let variance = sum(row, |x| (x - mean) * (x - mean)) / length as f64;
            let factor = (variance + epsilon).sqrt().recip();
            *scale = T::from_f64(factor);
            for (y, x) in normal.iter_mut().zip(row) {
                *y = T::from_f64((x.to_f64() - mean) * factor);
            }
        });
        Ok((normal, scales))
    })?;
    Ok((tensor(normal, (rows, length))?, tensor(scales, (rows, 1))?))
}

/// The gradient of [`normalise`], from its results.
pub(in crate::graph) fn normalise_vjp(gradient: &Tensor, normal: &Tensor, scales: &Tensor) -> Result<Tensor> {
    for_float!(gradient, normalise_vjp_of(gradient, normal, scales))
}

fn normalise_vjp_of<T: WithDType>(gradient: &Tensor, normal: &Tensor, scales: &Tensor) -> Result<Tensor> {
    let (rows, length) = gradient.dims2()?;
    let back = read(gradient, |gradient: &[T]| {
        read(normal, |normal: &[T]| {
            read(scales, |scales: &[T]| {
                let mut back = vec![T::zero(); gradient.len()];
                let inputs = gradient.par_chunks(length).zip(normal.par_chunks(length)).zip(scales);
                let outputs = back.par_chunks_mut(length).with_min_len(grain(length));
                outputs.zip(inputs).for_each(|(back, ((gradient, normal), scale))| {
                    let pairs = || gradient.iter().zip(normal).map(|(g, y)| (g.to_f64(), y.to_f64()));
                    let mean = sum(gradient, |g| g) / length as f64;
                    let slope = pairs().map(|(g, y)| g * y).sum::<f64>() / length as f64;
                    for (b, (g, y)) in back.iter_mut().zip(pairs()) {
                        *b = T::from_f64((g - mean - y * slope) * scale.to_f64());
                    }
                });
                Ok(back)
            })
        })
    })?;
    tensor(back, (rows, length))
}

/// A function of each row into one of the same length.
fn map_rows<T: WithDType>(matrix: &Tensor, function: impl Fn(&[T], &mut [T]) + Sync) -> Result<Tensor> {
    let (_, length) = matrix.dims2()?;
    let output = read(matrix, |values: &[T]| {
        let mut output = vec![T::zero(); values.len()];
        let rows = output.par_chunks_mut(length).zip(values.par_chunks(length)).with_min_len(grain(length));
        rows.for_each(|(output, row)| function(row, output));
        Ok(output)
    })?;
    tensor(output, matrix.shape())
}

/// A function of each two rows into one of the same length.
fn map_row_pairs<T: WithDType>(
    a: &Tensor,
    b: &Tensor,
    function: impl Fn(&[T], &[T], &mut [T]) + Sync,
) -> Result<Tensor> {
    let (_, length) = a.dims2()?;
    let output = read(a, |a: &[T]| {
        read(b, |b: &[T]| {
            let mut output = vec![T::zero(); a.len()];
            let inputs = a.par_chunks(length).zip(b.par_chunks(length));
            let rows = output.par_chunks_mut(length).zip(inputs).with_min_len(grain(length));
            rows.for_each(|(output, (a, b))| function(a, b, output));
            Ok(output)
        })
    })?;
    tensor(output, a.shape())
}
