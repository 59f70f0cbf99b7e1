//! TensorFlow's paddings: how many zeros stand before and after rows and columns.

/// A window that slides over an image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    /// Whether the output has ⌈input / stride⌉ places (`padding="same"`), or only those where the window lies inside.
    pub same: bool,
}

/// How a transposed convolution is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Transposed {
    /// Places taken away before rows and columns.
    pub begin: [usize; 2],
    /// Places taken away after them.
    pub end: [usize; 2],
    /// Places added after them.
    pub added: [usize; 2],
}

impl Window {
    /// The distance from the first to one beyond the last place of the window.
    fn reach(&self, axis: usize) -> usize {
        self.dilation[axis] * (self.kernel[axis] - 1) + 1
    }

    /// Zeros before, and zeros after, rows and columns of an image of this size.
    ///
    /// "Same" depends on the size: in total `max((⌈n / s⌉ − 1) · s + k − n, 0)`, the odd one after.
    pub fn padding(&self, size: [usize; 2]) -> [[usize; 2]; 2] {
        if !self.same {
            return [[0; 2]; 2];
        }
        let total = [0, 1].map(|axis| {
            let last = (size[axis].div_ceil(self.stride[axis]) - 1) * self.stride[axis];
            (last + self.reach(axis)).saturating_sub(size[axis])
        });
        [total.map(|total| total / 2), total.map(|total| total - total / 2)]
    }
}

/// How a transposed convolution of an image of this size is cut, so that it has the size that Keras gives it: it is the
/// gradient of a convolution with this window over the output.
pub(super) fn transposed_same_or_valid(
    window: &Window,
    output_padding: Option<[usize; 2]>,
    size: [usize; 2],
) -> Result<Transposed, String> {
    let mut lay = Transposed { begin: [0; 2], end: [0; 2], added: [0; 2] };
    for axis in 0..2 {
        let (stride, reach) = (window.stride[axis], window.reach(axis));
        let whole = (size[axis] - 1) * stride + reach;
        let length = match (output_padding, window.same) {
            (None, true) => size[axis] * stride,
            (None, false) => size[axis] * stride + reach.saturating_sub(stride),
            (Some(added), same) => {
                let cut = if same { 2 * (reach / 2) } else { 0 };
                (whole + added[axis]).checked_sub(cut).filter(|&length| length > 0).ok_or("nothing is left of it")?
            }
        };
        let cut = whole.saturating_sub(length);
        if !window.same && cut > 0 {
            return Err("its output padding is negative".to_owned());
        }
        lay.begin[axis] = cut / 2;
        lay.end[axis] = cut - cut / 2;
        lay.added[axis] = length.saturating_sub(whole);
    }
    Ok(lay)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(kernel: usize, stride: usize) -> Window {
        Window { kernel: [kernel; 2], stride: [stride; 2], dilation: [1; 2], same: true }
    }

    #[test]
    fn same_padding_depends_on_the_size() {
        assert_eq!(window(3, 1).padding([7, 8]), [[1, 1], [1, 1]]);
        // An even input at stride 2 is padded only after.
        assert_eq!(window(3, 2).padding([7, 8]), [[1, 0], [1, 1]]);
        assert_eq!(window(2, 1).padding([7, 8]), [[0, 0], [1, 1]]);
        assert_eq!(window(4, 1).padding([7, 8]), [[1, 1], [2, 2]]);
        assert_eq!(window(2, 3).padding([7, 8]), [[0, 0], [1, 0]]);
        assert_eq!(Window { dilation: [2; 2], ..window(3, 1) }.padding([9, 9]), [[2, 2], [2, 2]]);
        assert_eq!(Window { same: false, ..window(3, 2) }.padding([7, 8]), [[0; 2]; 2]);
    }

    #[test]
    fn transposed_convolutions_have_keras_sizes() {
        let lay = |window: Window, added| transposed_same_or_valid(&window, added, [5, 5]).unwrap();
        let size = |window: Window, added| {
            let lay = lay(window, added);
            4 * window.stride[0] + window.reach(0) + lay.added[0] - lay.begin[0] - lay.end[0]
        };
        assert_eq!(size(window(2, 2), None), 10);
        assert_eq!(size(window(3, 2), None), 10);
        assert_eq!(size(window(1, 2), None), 10);
        assert_eq!(size(Window { same: false, ..window(3, 2) }, None), 11);
        assert_eq!(size(Window { same: false, ..window(1, 2) }, None), 10);
        assert_eq!(size(window(3, 2), Some([1, 1])), 10);
        assert_eq!((lay(window(3, 2), None).begin, lay(window(3, 2), None).end), ([0, 0], [1, 1]));
    }
}
