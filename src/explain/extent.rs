//! What black and white are in a picture whose unit may be anything.

use super::ExplainError;

/// How far outside 0..255 rounding in the network's precision may lead.
const ROUNDING: f64 = 0.5;

/// The pixel values that black and white stand for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Extent {
    /// The darkest value.
    pub black: f64,
    /// The brightest value.
    pub white: f64,
}

impl Extent {
    /// 0..255 where all values lie there, as behind windows and photographs; the picture's own range where it is fed
    /// stored values, or numbers in 0..1.
    ///
    /// # Errors
    /// [`ExplainError::NotFinite`] when the picture holds NaN or infinities.
    pub fn of(picture: &[[f64; 3]]) -> Result<Self, ExplainError> {
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for &value in picture.iter().flatten() {
            if !value.is_finite() {
                return Err(ExplainError::NotFinite { layer: "input".to_owned() });
            }
            (least, most) = (least.min(value), most.max(value));
        }
        let is_eight_bits = least > -ROUNDING && most < 255.0 + ROUNDING && most > 1.0;
        if is_eight_bits || least >= most {
            return Ok(Self { black: 0.0, white: 255.0 });
        }
        Ok(Self { black: least, white: most })
    }

    /// Half way from black to white.
    pub const fn grey(self) -> f64 {
        f64::midpoint(self.black, self.white)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bits_stay_and_other_units_are_stretched() {
        let of = |low: f64, high: f64| Extent::of(&[[low, high, high]]).unwrap();
        assert_eq!(of(3.0, 255.000_02), Extent { black: 0.0, white: 255.0 });
        assert_eq!(of(-1000.0, 3000.0), Extent { black: -1000.0, white: 3000.0 });
        assert_eq!(of(0.0, 1.0).grey(), 0.5);
        assert_eq!(of(7000.0, 7000.0), Extent { black: 0.0, white: 255.0 }, "one value has no range");
        assert!(matches!(Extent::of(&[[f64::NAN; 3]]), Err(ExplainError::NotFinite { .. })));
    }
}
