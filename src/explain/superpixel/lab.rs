//! CIE L*a*b* of sRGB, with the constants of scikit-image.

/// sRGB primaries in CIE XYZ.
const XYZ_FROM_RGB: [[f64; 3]; 3] =
    [[0.412_453, 0.357_580, 0.180_423], [0.212_671, 0.715_160, 0.072_169], [0.019_334, 0.119_193, 0.950_227]];

/// Daylight (D65) seen by the 2° observer.
const WHITE: [f64; 3] = [0.950_47, 1.0, 1.088_83];

/// L* (0..100), a* and b* of red, green and blue in 0..1.
pub(super) fn lab(rgb: [f64; 3]) -> [f64; 3] {
    let linear = rgb.map(|value| if value > 0.040_45 { ((value + 0.055) / 1.055).powf(2.4) } else { value / 12.92 });
    let [x, y, z] = [0, 1, 2].map(|row: usize| {
        let sum: f64 = XYZ_FROM_RGB[row].iter().zip(linear).map(|(&part, value)| part * value).sum();
        let relative = sum / WHITE[row];
        if relative > 0.008_856 { relative.cbrt() } else { 7.787 * relative + 16.0 / 116.0 }
    });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

#[cfg(test)]
mod tests {
    use super::lab;

    /// Values of scikit-image 0.26's `rgb2lab`.
    #[test]
    fn colours_are_scikit_images() {
        for (rgb, expected) in [
            ([1.0, 1.0, 1.0], [100.0, -0.002_455, 0.004_653_4]),
            ([1.0, 0.0, 0.0], [53.240_587_9, 80.092_308_2, 67.202_751_0]),
            ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
            ([0.01, 0.02, 0.03], [1.300_053_9, -0.312_350_3, -1.199_765_0]),
        ] {
            for (found, expected) in lab(rgb).into_iter().zip(expected) {
                assert!((found - expected).abs() < 1e-5, "{rgb:?}: {found} is not {expected}");
            }
        }
    }
}
