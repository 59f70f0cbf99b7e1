//! Bits of JPEG-LS coded data: after a byte 0xFF the next one carries only seven (T.87 A.1).

/// Reads bits from the most significant on; beyond the data they are 0.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// Bits not yet taken, from the top.
    window: u64,
    count: u32,
    after_ff: bool,
    /// Bits made up beyond the data.
    invented: u64,
}

impl<'a> Bits<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, window: 0, count: 0, after_ff: false, invented: 0 }
    }

    fn fill(&mut self) {
        while self.count <= 48 {
            let width = if self.after_ff { 7 } else { 8 };
            let byte = match self.data.get(self.at) {
                Some(&byte) if !(self.after_ff && byte >= 0x80) => {
                    self.at += 1;
                    self.after_ff = byte == 0xFF;
                    byte
                }
                _ => {
                    self.invented += u64::from(width);
                    0
                }
            };
            self.window |= u64::from(byte) << (64 - width - self.count);
            self.count += width;
        }
    }

    /// Whether bits beyond the data have been taken.
    pub fn exhausted(&self) -> bool {
        self.invented > u64::from(self.count)
    }

    /// The next `count` (up to 32) bits as a number.
    pub fn take(&mut self, count: u32) -> u32 {
        if count == 0 {
            return 0;
        }
        self.fill();
        let value = (self.window >> (64 - count)) as u32;
        self.window <<= count;
        self.count -= count;
        value
    }

    pub fn bit(&mut self) -> bool {
        self.take(1) == 1
    }

    /// Zeros up to the next one, which is taken too; at most `most`.
    pub fn zeros(&mut self, most: u32) -> u32 {
        let mut zeros = 0;
        loop {
            self.fill();
            let run = self.window.leading_zeros();
            if run < self.count {
                self.window = if run == 63 { 0 } else { self.window << (run + 1) };
                self.count -= run + 1;
                return (zeros + run).min(most);
            }
            zeros += self.count;
            self.window = 0;
            self.count = 0;
            if zeros > most || self.exhausted() {
                return most;
            }
        }
    }
}
