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
    /// Places before and after the input.
    pub padding: [usize; 2],
    /// The distance between neighbouring places of the kernel.
    pub dilation: usize,
    pub ceil: bool,
}

impl Axis {
    /// How many windows there are over `length` elements, as PyTorch counts them: in ceil mode the last window must
    /// begin inside the input or its left padding. Each window has a place inside the input.
    pub fn windows(self, length: usize) -> Result<usize, String> {
        let Self { kernel, stride, padding: [before, after], dilation, ceil } = self;
        let nonsense = || {
            format!(
                "a kernel of {kernel} (dilation {dilation}) with stride {stride} and padding {before} and {after} \
                 makes no sense"
            )
        };
        if kernel == 0 || stride == 0 || dilation == 0 {
            return Err(nonsense());
        }
        let reach = (kernel - 1).checked_mul(dilation).ok_or_else(nonsense)?;
        if before > reach || after > reach {
            return Err(nonsense());
        }
        let Some(room) = (length + before + after).checked_sub(reach + 1) else {
            return Err(format!(
                "{length} elements with padding {before} and {after} are fewer than the kernel's {}",
                reach + 1
            ));
        };
        let mut count = if ceil { room.div_ceil(stride) } else { room / stride } + 1;
        if ceil && (count - 1) * stride >= length + before {
            count -= 1;
        }
        // A dilated window may step over a short input altogether.
        if dilation > 1 && (0..count).any(|index| self.inside(index * stride, length).is_empty()) {
            return Err(nonsense());
        }
        Ok(count)
    }

    /// The places of the kernel that lie inside `length` elements, where the window begins `start` places after the
    /// padding does.
    fn inside(self, start: usize, length: usize) -> std::ops::Range<usize> {
        inside(start, self.padding[0], self.dilation, self.kernel, length)
    }

    /// The windows themselves, for a kernel without dilation; with `count_padding` the padding counts in the divisor.
    pub fn list(self, length: usize, count_padding: bool) -> Result<Vec<Window>, String> {
        let count = self.windows(length)?;
        Ok((0..count)
            .map(|index| {
                let start = index * self.stride;
                let end = (start + self.kernel).min(length + self.padding[0] + self.padding[1]);
                let before = self.padding[0];
                let inside = start.saturating_sub(before)..(end.saturating_sub(before)).min(length);
                let counted = if count_padding { end - start } else { inside.len() };
                Window { start: inside.start, end: inside.end, count: counted.max(1) }
            })
            .collect())
    }
}

/// The places of a kernel that lie inside `length` elements, where the window begins `start` places after the padding.
pub(in crate::graph) fn inside(
    start: usize,
    padding: usize,
    dilation: usize,
    kernel: usize,
    length: usize,
) -> std::ops::Range<usize> {
    let first = padding.saturating_sub(start).div_ceil(dilation);
    let end = (length + padding).saturating_sub(start).div_ceil(dilation).min(kernel);
    first.min(end)..end
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
        let axis = Axis { kernel: 2, stride: 2, padding: [1; 2], dilation: 1, ceil: true };
        // Positions −1, 1, 3 over 0..4; one more would begin at 5, outside.
        assert_eq!(axis.windows(4).unwrap(), 3);
        let squeezenet = Axis { kernel: 3, stride: 2, padding: [0; 2], dilation: 1, ceil: true };
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
