//! The arithmetic decoder of JPEG 2000, "MQ" (ISO/IEC 15444-1 annex C).
//!
//! Where the standard's procedure takes a bit by comparing, branching and shifting one place at a time, this one has no
//! branch that depends on the bit: noise is what medical pictures are coded of, and half of such branches are guessed
//! wrong. Stuffed bits and carries are taken out of the bytes before, so that code bits can be taken 32 at a time.

/// The last two of a code block's contexts, after 9 of significance, 5 of signs and 3 of refinement.
pub(super) const RUN: usize = 17;
pub(super) const UNIFORM: usize = 18;

/// Probability of the less probable symbol, next state after the more and after the less probable one, and whether the
/// two change places (table C.2).
const STATES: [(u16, u8, u8, bool); 47] = [
    (0x5601, 1, 1, true),
    (0x3401, 2, 6, false),
    (0x1801, 3, 9, false),
    (0x0AC1, 4, 12, false),
    (0x0521, 5, 29, false),
    (0x0221, 38, 33, false),
    (0x5601, 7, 6, true),
    (0x5401, 8, 14, false),
    (0x4801, 9, 14, false),
    (0x3801, 10, 14, false),
    (0x3001, 11, 17, false),
    (0x2401, 12, 18, false),
    (0x1C01, 13, 20, false),
    (0x1601, 29, 21, false),
    (0x5601, 15, 14, true),
    (0x5401, 16, 14, false),
    (0x5101, 17, 15, false),
    (0x4801, 18, 16, false),
    (0x3801, 19, 17, false),
    (0x3401, 20, 18, false),
    (0x3001, 21, 19, false),
    (0x2801, 22, 19, false),
    (0x2401, 23, 20, false),
    (0x2201, 24, 21, false),
    (0x1C01, 25, 22, false),
    (0x1801, 26, 23, false),
    (0x1601, 27, 24, false),
    (0x1401, 28, 25, false),
    (0x1201, 29, 26, false),
    (0x1101, 30, 27, false),
    (0x0AC1, 31, 28, false),
    (0x09C1, 32, 29, false),
    (0x08A1, 33, 30, false),
    (0x0521, 34, 31, false),
    (0x0441, 35, 32, false),
    (0x02A1, 36, 33, false),
    (0x0221, 37, 34, false),
    (0x0141, 38, 35, false),
    (0x0111, 39, 36, false),
    (0x0085, 40, 37, false),
    (0x0049, 41, 38, false),
    (0x0025, 42, 39, false),
    (0x0015, 43, 40, false),
    (0x0009, 44, 41, false),
    (0x0005, 45, 42, false),
    (0x0001, 45, 43, false),
    (0x5601, 46, 46, false),
];

/// A state as the decoder keeps it for a context: the probability of the less probable symbol in the 16 highest bits, and
/// below, four times the state's index, which is twice the standard's plus the more probable symbol.
pub(super) type State = u64;

const PROBABILITY: u64 = 0xFFFF << 48;
const INDEX: u64 = 0x1FC;

const fn state(index: usize) -> State {
    (STATES[index / 2].0 as u64) << 48 | (index as u64) << 2
}

/// The state that follows, at four times the index and 1 after the less probable symbol, else 2 where the interval needs
/// no renormalisation, which leaves the state as it is.
static FOLLOWING: [State; 512] = {
    let mut table = [0; 512];
    let mut at = 0;
    while at < 8 * STATES.len() {
        let index = at / 4;
        let symbol = index & 1;
        let (_, more, less, switch) = STATES[index / 2];
        table[at] = match at % 4 {
            0 => state(2 * more as usize + symbol),
            2 => state(index),
            _ => state(2 * less as usize + (symbol ^ switch as usize)),
        };
        at += 1;
    }
    table
};

/// Code bits with nothing stuffed among them, the first bit highest; after the last come ones (C.3.4).
#[derive(Debug, Default)]
pub(super) struct CodeBits {
    words: Vec<u32>,
}

impl CodeBits {
    /// Takes the bits of a segment. A byte after 0xFF brings seven bits and a carry into what was before; a marker ends
    /// the segment. None where a carry goes beyond the first bit, which no coder writes.
    pub fn set(&mut self, segment: &[u8]) -> Option<()> {
        self.words.clear();
        let (mut held, mut count) = (0_u64, 0);
        let mut at = 0;
        let mut stuffed = false;
        while at < segment.len() {
            if let (false, Some(four)) = (stuffed, segment[at..].first_chunk::<4>()) {
                let word = u32::from_be_bytes(*four);
                // No byte is 0xFF: none of the inverted ones is 0.
                let inverted = !word;
                if inverted.wrapping_sub(0x0101_0101) & !inverted & 0x8080_8080 == 0 {
                    held = held << 32 | u64::from(word);
                    self.words.push((held >> count) as u32);
                    held &= (1 << count) - 1;
                    at += 4;
                    continue;
                }
            }
            let byte = segment[at];
            if stuffed && byte > 0x8F {
                break;
            }
            let bits = if stuffed { 7 } else { 8 };
            held = (held << bits) + u64::from(byte);
            count += bits;
            if held >> count != 0 {
                held &= (1 << count) - 1;
                self.carry()?;
            }
            if count >= 32 {
                count -= 32;
                self.words.push((held >> count) as u32);
                held &= (1 << count) - 1;
            }
            stuffed = byte == 0xFF;
            at += 1;
        }
        let missing = 32 - count;
        self.words.push((held << missing) as u32 | ((1_u64 << missing) - 1) as u32);
        Some(())
    }

    fn carry(&mut self) -> Option<()> {
        for word in self.words.iter_mut().rev() {
            *word = word.wrapping_add(1);
            if *word != 0 {
                return Some(());
            }
        }
        None
    }
}

/// The decoder within one segment.
pub(super) struct Decoder<'a> {
    words: &'a [u32],
    next: usize,
    /// The interval, its 16 bits highest.
    interval: u64,
    /// The code value within the interval, in the same places, and code bits to come below.
    code: u64,
    /// How many bits of `code` are known.
    known: u32,
    contexts: &'a mut Contexts,
}

/// The states of a code block's contexts, and room up to a power of two.
pub(super) type Contexts = [State; 32];

impl<'a> Decoder<'a> {
    /// Contexts are in the states that a code block begins with (table D.7).
    #[inline]
    pub fn new(bits: &'a CodeBits, contexts: &'a mut Contexts) -> Self {
        contexts.fill(state(0));
        contexts[0] = state(2 * 4);
        contexts[RUN] = state(2 * 3);
        contexts[UNIFORM] = state(2 * 46);
        let mut decoder = Decoder { words: &bits.words, next: 0, interval: 0x8000 << 48, code: 0, known: 1, contexts };
        decoder.fill();
        decoder
    }

    #[inline]
    fn fill(&mut self) {
        let word = self.words.get(self.next).copied().unwrap_or(u32::MAX);
        self.next += 1;
        self.code |= u64::from(word) << (32 - self.known);
        self.known += 32;
    }

    /// The next bit in a context.
    #[inline]
    pub fn bit(&mut self, context: usize) -> u32 {
        let (bit, state) = self.next(self.contexts[context & 31]);
        self.contexts[context & 31] = state;
        bit
    }

    /// The next bit in a context of this state and the state that follows: the procedures DECODE and RENORMD in one.
    #[inline]
    pub fn next(&mut self, state: State) -> (u32, State) {
        let probability = state & PROBABILITY;
        let upper = self.interval - probability;
        let lower = self.code < probability;
        // The lower part belongs to the less probable symbol, unless it is the larger one.
        let less = lower != (upper < probability);
        let interval = if lower { probability } else { upper };
        self.code = if lower { self.code } else { self.code - probability };
        let following = state & INDEX | upper >> 62 & 2;
        let shift = interval.leading_zeros();
        self.interval = interval << shift;
        self.code <<= shift;
        self.known -= shift;
        if self.known < 16 {
            self.fill();
        }
        ((state >> 2) as u32 & 1 ^ u32::from(less), FOLLOWING[(following | u64::from(less)) as usize & 511])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test sequence of ISO/IEC 14492 (JBIG2) H.2, whose coder this is: 256 bits in one context, a carry among them.
    #[test]
    fn the_standards_sequence_is_decoded() {
        let coded = [
            0x84, 0xC7, 0x3B, 0xFC, 0xE1, 0xA1, 0x43, 0x04, 0x02, 0x20, 0x00, 0x00, 0x41, 0x0D, 0xBB, 0x86, 0xF4, 0x31,
            0x7F, 0xFF, 0x88, 0xFF, 0x37, 0x47, 0x1A, 0xDB, 0x6A, 0xDF, 0xFF, 0xAC,
        ];
        let plain = [
            0x00, 0x02, 0x00, 0x51, 0x00, 0x00, 0x00, 0xC0, 0x03, 0x52, 0x87, 0x2A, 0xAA, 0xAA, 0xAA, 0xAA, 0x82, 0xC0,
            0x20, 0x00, 0xFC, 0xD7, 0x9E, 0xF6, 0xBF, 0x7F, 0xED, 0x90, 0x4F, 0x46, 0xA3, 0xBF,
        ];
        let mut bits = CodeBits::default();
        assert_eq!(bits.set(&coded), Some(()));
        let mut contexts = Contexts::default();
        let mut decoder = Decoder::new(&bits, &mut contexts);
        // Context 1 begins in state 0, as the sequence does.
        let mut byte = |_: &u8| (0..8).fold(0, |byte, _| byte << 1 | decoder.bit(1) as u8);
        let decoded: Vec<u8> = plain.iter().map(&mut byte).collect();
        assert_eq!(decoded, plain);
    }

    #[test]
    fn a_carry_goes_through_all_that_was_taken() {
        let mut bits = CodeBits::default();
        assert_eq!(bits.set(&[0x12, 0x34, 0x7F, 0xFF, 0x80, 0x40]), Some(()));
        // 0xFF and the carry of 0x80 make 0x12347F + 1 of the first bytes; 7 bits of 0 follow and 0x40.
        assert_eq!(bits.words, [0x1234_8000, 0x0081_FFFF]);
        assert_eq!(bits.set(&[]), Some(()));
        assert_eq!(bits.words, [u32::MAX]);
        assert_eq!(bits.set(&[0xFF, 0x80]), None);
    }
}
