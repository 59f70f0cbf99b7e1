//! Bits and Huffman codes of JPEG coded data (T.81 annex F.2.2).

/// Codes of up to this many bits are found by one look.
const QUICK_BITS: u32 = 9;

/// A Huffman table.
#[derive(Debug, Clone)]
pub(super) struct Huffman {
    /// For the next `QUICK_BITS` bits: symbol and length, length 0 where the code is longer.
    quick: Box<[(u8, u8)]>,
    /// Beyond the last code of each length, in 16 bits from the top.
    limits: [u32; 17],
    /// What to add to a code of each length to find its symbol.
    offsets: [i32; 17],
    symbols: Vec<u8>,
}

impl Huffman {
    /// From the numbers of codes with 1 to 16 bits; `None` where there are more codes than bits allow.
    pub fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut table = Self {
            quick: vec![(0, 0); 1 << QUICK_BITS].into_boxed_slice(),
            limits: [0; 17],
            offsets: [0; 17],
            symbols: symbols.to_vec(),
        };
        let (mut code, mut first) = (0u32, 0usize);
        for (length, &count) in (1u32..).zip(counts) {
            let count = usize::from(count);
            table.offsets[length as usize] = first as i32 - code as i32;
            for (symbol, code) in symbols.get(first..first + count)?.iter().zip(code..) {
                if length <= QUICK_BITS {
                    let from = (code << (QUICK_BITS - length)) as usize;
                    table.quick.get_mut(from..from + (1 << (QUICK_BITS - length)))?.fill((*symbol, length as u8));
                }
            }
            code += count as u32;
            first += count;
            if code > 1 << length {
                return None;
            }
            table.limits[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Some(table)
    }
}

/// Reads bits from the most significant on; beyond the data (a marker or the end) they are 0.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    window: u64,
    count: u32,
    invented: u64,
}

impl<'a> Bits<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, window: 0, count: 0, invented: 0 }
    }

    fn fill(&mut self) {
        while self.count <= 48 {
            let byte = match (self.data.get(self.at), self.data.get(self.at + 1)) {
                (Some(0xFF), Some(0)) => {
                    self.at += 2;
                    0xFF
                }
                (Some(0xFF), Some(0xFF)) => {
                    self.at += 1;
                    continue;
                }
                (Some(&byte), _) if byte != 0xFF => {
                    self.at += 1;
                    byte
                }
                _ => {
                    self.invented += 8;
                    0
                }
            };
            self.window |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// Whether bits beyond the data have been taken.
    pub fn exhausted(&self) -> bool {
        self.invented > u64::from(self.count)
    }

    /// Goes past the next restart marker; false where there is none.
    pub fn restart(&mut self) -> bool {
        (self.window, self.count, self.invented) = (0, 0, 0);
        while let Some(pair) = self.data.get(self.at..self.at + 2) {
            match *pair {
                [0xFF, 0xD0..=0xD7] => {
                    self.at += 2;
                    return true;
                }
                [0xFF, 1..=0xFE] => return false,
                _ => self.at += 1,
            }
        }
        false
    }

    /// The next `count` (up to 16) bits as a number.
    pub fn take(&mut self, count: u32) -> i32 {
        if count == 0 {
            return 0;
        }
        self.fill();
        let value = self.window >> (64 - count);
        self.skip(count);
        value as i32
    }

    fn skip(&mut self, count: u32) {
        self.window <<= count;
        self.count -= count;
    }

    pub fn bit(&mut self) -> bool {
        self.take(1) == 1
    }

    /// The next symbol; 0 where the bits are no code.
    pub fn symbol(&mut self, table: &Huffman) -> u8 {
        self.fill();
        let (symbol, length) = table.quick[(self.window >> (64 - QUICK_BITS)) as usize];
        if length > 0 {
            self.skip(u32::from(length));
            return symbol;
        }
        let next = (self.window >> 48) as u32;
        for length in QUICK_BITS as usize + 1..=16 {
            if next < table.limits[length] {
                self.skip(length as u32);
                let index = (next >> (16 - length)) as i32 + table.offsets[length];
                return usize::try_from(index).ok().and_then(|index| table.symbols.get(index)).copied().unwrap_or(0);
            }
        }
        self.skip(16);
        0
    }

    /// A signed number of `size` bits (T.81 F.2.2.1, EXTEND).
    pub fn signed(&mut self, size: u32) -> i32 {
        if size == 0 {
            return 0;
        }
        let value = self.take(size);
        if value < 1 << (size - 1) { value - (1 << size) + 1 } else { value }
    }
}
