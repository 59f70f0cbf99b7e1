//! Antialiased bilinear scaling as PIL does it: a triangle as wide as one output pixel, in input pixels.

/// Scales interleaved RGB from one size (rows, columns) to another.
pub fn resize(pixels: &[u8], from: [usize; 2], to: [usize; 2]) -> Vec<u8> {
    let across = taps(from[1], to[1]);
    let down = taps(from[0], to[0]);
    let mut lines = vec![0; from[0] * to[1] * 3];
    for (line, source) in lines.chunks_exact_mut(to[1] * 3).zip(pixels.chunks_exact(from[1] * 3)) {
        for (out, (start, weights)) in line.chunks_exact_mut(3).zip(&across) {
            for (channel, out) in out.iter_mut().enumerate() {
                let sum: f32 = weights
                    .iter()
                    .enumerate()
                    .map(|(tap, weight)| weight * f32::from(source[(start + tap) * 3 + channel]))
                    .sum();
                *out = (sum + 0.5) as u8;
            }
        }
    }
    let mut result = Vec::with_capacity(to[0] * to[1] * 3);
    for (start, weights) in &down {
        for place in 0..to[1] * 3 {
            let sum: f32 = weights
                .iter()
                .enumerate()
                .map(|(tap, weight)| weight * f32::from(lines[(start + tap) * to[1] * 3 + place]))
                .sum();
            result.push((sum + 0.5) as u8);
        }
    }
    result
}

/// For each output pixel the first input pixel and the weights from there.
fn taps(from: usize, to: usize) -> Vec<(usize, Vec<f32>)> {
    let scale = from as f32 / to as f32;
    let reach = scale.max(1.0);
    (0..to)
        .map(|index| {
            let middle = (index as f32 + 0.5) * scale;
            let first = (middle - reach + 0.5).max(0.0) as usize;
            let last = ((middle + reach + 0.5) as usize).min(from);
            let weights: Vec<f32> =
                (first..last).map(|place| (1.0 - ((place as f32 + 0.5 - middle) / reach).abs()).max(0.0)).collect();
            let sum: f32 = weights.iter().sum();
            (first, weights.into_iter().map(|weight| weight / sum).collect())
        })
        .collect()
}
