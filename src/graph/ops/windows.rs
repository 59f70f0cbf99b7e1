//! Where pooling windows lie along one axis.

/// One window along one axis: the elements `start .. end` of the input, and how many the sum is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::graph) struct Window {
    pub start: usize,
    pub end: usize,
    /// The number of places counted, padding included where it counts.
    pub count: usize,
}

/// Kernel, stride and padding along one axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    pub ceil: bool,
}

impl Axis {
    /// How many windows there are over `length` elements, as PyTorch counts them: in ceil mode the last window must
    /// begin inside the input or its left padding.
    pub fn windows(self, length: usize) -> Result<usize, String> {
        let Self { kernel, stride, padding, ceil } = self;
        if kernel == 0 || stride == 0 || padding * 2 > kernel {
            return Err(format!("a kernel of {kernel} with stride {stride} and padding {padding} makes no sense"));
        }
        let Some(room) = (length + 2 * padding).checked_sub(kernel) else {
            return Err(format!("{length} elements with padding {padding} are fewer than the kernel's {kernel}"));
        };
        let mut count = if ceil { room.div_ceil(stride) } else { room / stride } + 1;
        if ceil && (count - 1) * stride >= length + padding {
            count -= 1;
        }
        Ok(count)
    }

    /// The windows themselves; with `count_padding` the padding counts in the divisor.
    pub fn list(self, length: usize, count_padding: bool) -> Result<Vec<Window>, String> {
        let count = self.windows(length)?;
        Ok((0..count)
            .map(|index| {
                let start = index * self.stride;
                let end = (start + self.kernel).min(length + 2 * self.padding);
                let inside = start.saturating_sub(self.padding)..(end.saturating_sub(self.padding)).min(length);
                let counted = if count_padding { end - start } else { inside.len() };
                Window { start: inside.start, end: inside.end, count: counted.max(1) }
            })
            .collect())
    }
}

/// The windows of PyTorch's adaptive pooling: `⌊i·n/m⌋ .. ⌈(i+1)·n/m⌉`.
pub(super) fn adaptive(length: usize, outputs: usize) -> Vec<Window> {
    (0..outputs)
        .map(|index| {
            let start = index * length / outputs;
            let end = ((index + 1) * length).div_ceil(outputs);
            Window { start, end, count: end - start }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceil_mode_drops_a_window_that_begins_in_the_right_padding() {
        let axis = Axis { kernel: 2, stride: 2, padding: 1, ceil: true };
        // Positions −1, 1, 3 over 0..4; one more would begin at 5, outside.
        assert_eq!(axis.windows(4).unwrap(), 3);
        let squeezenet = Axis { kernel: 3, stride: 2, padding: 0, ceil: true };
        assert_eq!(squeezenet.windows(111).unwrap(), 55);
        assert_eq!(squeezenet.windows(112).unwrap(), 56);
    }

    #[test]
    fn adaptive_windows_cover_everything_and_overlap_where_they_must() {
        let windows = adaptive(5, 3);
        assert_eq!(windows.iter().map(|w| (w.start, w.end)).collect::<Vec<_>>(), [(0, 2), (1, 4), (3, 5)]);
        assert_eq!(adaptive(1, 2).iter().map(|w| (w.start, w.end)).collect::<Vec<_>>(), [(0, 1), (0, 1)]);
    }
}
