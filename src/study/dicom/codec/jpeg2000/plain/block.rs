//! The coding passes of a code block (ISO/IEC 15444-1 annex D), without the options of table A.19.
//!
//! A block is coded in stripes of four rows, each from left to right and in each column from top to bottom. Sets of
//! coefficients are kept in that order as bits, sixteen columns a word: what a pass has to code is then the next set bit
//! of a word, and nothing is guessed about the coefficients between.

use super::arithmetic::{CodeBits, Contexts, Decoder, RUN, UNIFORM};
use super::contexts::{self, Band, SIGN};

/// Columns a word of a set holds.
const COLUMNS: usize = 16;
/// Coefficients ahead of one in its word that it is a neighbour of, for the four rows of its column.
const AHEAD: [u64; 4] = [0b11_0010, 0b111_0100, 0b1110_1000, 0b1100_0000];

/// Working memory for one block after the other.
#[derive(Debug, Default)]
pub(super) struct Block {
    columns: usize,
    stripes: usize,
    bits: CodeBits,
    /// For each column of a stripe, its coefficients' neighbourhoods: below, which of the three columns by six rows
    /// around it are significant, three bits a row; 32 bits higher, which of those are negative. One column more on
    /// either side, one stripe more above and below.
    around: Vec<u64>,
    /// Sets of coefficients, `words` to a stripe.
    significant: Vec<u64>,
    visited: Vec<u64>,
    refined: Vec<u64>,
    /// Twice the magnitudes and the half of what is not decoded; the sign in the highest bit. In the order of coding.
    values: Vec<u32>,
}

/// What the packets say of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coded<'a> {
    pub band: Band,
    pub columns: usize,
    pub rows: usize,
    /// Bit-planes that are not all zero; at most 30.
    pub planes: u32,
    pub passes: u32,
    pub segment: &'a [u8],
}

impl Block {
    /// Decodes a block; none where its segment is none that a coder writes.
    pub fn decode(&mut self, coded: Coded<'_>) -> Option<()> {
        self.clear(coded.columns, coded.rows);
        self.bits.set(coded.segment)?;
        let bits = std::mem::take(&mut self.bits);
        let mut states = Contexts::default();
        let mut decoder = Decoder::new(&bits, &mut states);
        let contexts = contexts::significance(coded.band);
        // The first plane has a cleanup pass only.
        for pass in 2..2 + coded.passes {
            let plane = coded.planes.saturating_sub(pass / 3);
            if plane == 0 {
                break;
            }
            self.pass(pass % 3, plane, coded.rows, contexts, &mut decoder);
        }
        self.bits = bits;
        Some(())
    }

    /// Twice the magnitude with its half, and whether the coefficient is negative, row by row.
    pub fn row(&self, row: usize) -> impl Iterator<Item = (u32, bool)> + '_ {
        let stripe = &self.values[row / 4 * 4 * self.width()..];
        (0..self.columns).map(move |column| {
            let value = stripe[4 * column + row % 4];
            (value & 0x7FFF_FFFF, value >> 31 != 0)
        })
    }

    fn words(&self) -> usize {
        self.columns.div_ceil(COLUMNS)
    }

    /// Columns with those that fill the last word.
    fn width(&self) -> usize {
        self.words() * COLUMNS
    }

    fn clear(&mut self, columns: usize, rows: usize) {
        (self.columns, self.stripes) = (columns, rows.div_ceil(4));
        let (words, width) = (self.words() * self.stripes, self.width());
        fill(&mut self.around, (width + 2) * (self.stripes + 2), 0);
        fill(&mut self.significant, words, 0);
        fill(&mut self.visited, words, 0);
        fill(&mut self.refined, words, 0);
        fill(&mut self.values, width * 4 * self.stripes, 0);
    }

    #[inline]
    fn pass(&mut self, kind: u32, plane: u32, rows: usize, contexts: &[u8; 512], decoder: &mut Decoder<'_>) {
        let (words, width) = (self.words(), self.width());
        let around_width = width + 2;
        for stripe in 0..self.stripes {
            let height = (rows - 4 * stripe).min(4);
            for word in 0..words {
                let columns = (self.columns - word * COLUMNS).min(COLUMNS);
                let at = stripe * words + word;
                let around = &mut self.around[stripe * around_width + word * COLUMNS..];
                let (above, rest) = around.split_at_mut(around_width);
                let (middle, below) = rest.split_at_mut(around_width);
                // A word of a stripe always has two columns more.
                let (Some(above), Some(middle), Some(below)) =
                    (above.first_chunk_mut(), middle.first_chunk_mut(), below.first_chunk_mut())
                else {
                    return;
                };
                let values = &mut self.values[4 * (stripe * width + word * COLUMNS)..];
                let Some(values) = values.first_chunk_mut() else { return };
                let mut piece = Piece {
                    around: [above, middle, below],
                    values,
                    significant: self.significant[at],
                    plane,
                    contexts,
                };
                match kind {
                    0 => self.visited[at] = piece.propagate(inside(columns, height), decoder),
                    1 => {
                        let known = piece.significant & !self.visited[at];
                        piece.refine(known, self.refined[at], decoder);
                        self.refined[at] |= known;
                    }
                    _ => {
                        let left = inside(columns, height) & !self.visited[at];
                        piece.clean(left, decoder);
                        self.visited[at] = 0;
                    }
                }
                self.significant[at] = piece.significant;
            }
        }
    }
}

fn fill<T: Copy>(memory: &mut Vec<T>, length: usize, value: T) {
    memory.clear();
    memory.resize(length, value);
}

/// The set of all coefficients of a word with so many columns and rows.
fn inside(columns: usize, rows: usize) -> u64 {
    let whole = u64::MAX >> (64 - 4 * columns);
    whole & (0x1111_1111_1111_1111 * ((1 << rows) - 1))
}

/// Sixteen columns of a stripe during a pass.
struct Piece<'a> {
    /// Neighbourhoods in the stripe above, in this one and in that below, from one column left of the first on.
    around: [&'a mut [u64; COLUMNS + 2]; 3],
    values: &'a mut [u32; 4 * COLUMNS],
    significant: u64,
    /// The bit-plane in `values`, which have one bit more than the coefficients.
    plane: u32,
    contexts: &'a [u8; 512],
}

impl Piece<'_> {
    /// Coefficients with a significant neighbour.
    #[inline]
    fn neighbours(&self) -> u64 {
        let mut nibbles = [0; COLUMNS];
        for (nibble, around) in nibbles.iter_mut().zip(&self.around[1][1..]) {
            let around = *around as u32;
            let three = around | around >> 3 | around >> 6;
            let any = three | three >> 2 | (around | around >> 6) >> 1;
            *nibble = (any & 1 | any >> 2 & 2 | any >> 4 & 4 | any >> 6 & 8) as u8;
        }
        nibbles.iter().rev().fold(0, |set, nibble| set << 4 | u64::from(*nibble))
    }

    /// The significance propagation pass (D.3.1); gives what was coded in it.
    #[inline]
    fn propagate(&mut self, inside: u64, decoder: &mut Decoder<'_>) -> u64 {
        let mut left = self.neighbours() & inside & !self.significant;
        let mut visited = 0;
        while left != 0 {
            let place = left.trailing_zeros();
            visited |= 1 << place;
            left &= left - 1;
            if self.becomes_significant(place, decoder) {
                self.appear(place, decoder);
                left |= AHEAD[place as usize % 4] << (place & !3) & inside & !self.significant;
            }
        }
        visited
    }

    /// The magnitude refinement pass (D.3.3).
    #[inline]
    fn refine(&mut self, known: u64, refined: u64, decoder: &mut Decoder<'_>) {
        let near = self.neighbours() | refined;
        let mut left = known;
        while left != 0 {
            let place = left.trailing_zeros();
            left &= left - 1;
            let context = 14 + (near >> place & 1) + (refined >> place & 1);
            let bit = decoder.bit(context as usize);
            let value = &mut self.values[place as usize];
            *value = value.wrapping_add(bit << self.plane).wrapping_sub(1 << (self.plane - 1));
        }
    }

    /// The cleanup pass (D.3.4).
    #[inline]
    fn clean(&mut self, left: u64, decoder: &mut Decoder<'_>) {
        let mut left = left & !self.significant;
        while left != 0 {
            let mut place = left.trailing_zeros();
            let whole = place.is_multiple_of(4) && left >> place & 15 == 15;
            if whole && self.around[1][place as usize / 4 + 1] == 0 {
                // Nothing around the column is significant: one bit tells whether all four stay so.
                if decoder.bit(RUN) == 0 {
                    left &= !(15 << place);
                    continue;
                }
                let first = decoder.bit(UNIFORM) << 1 | decoder.bit(UNIFORM);
                left &= !(((2 << first) - 1) << place);
                place += first;
                self.appear(place, decoder);
                continue;
            }
            left &= left - 1;
            if self.becomes_significant(place, decoder) {
                self.appear(place, decoder);
            }
        }
    }

    #[inline]
    fn becomes_significant(&self, place: u32, decoder: &mut Decoder<'_>) -> bool {
        let around = self.around[1][(place as usize / 4) % COLUMNS + 1] >> (3 * (place % 4));
        decoder.bit(usize::from(self.contexts[around as usize & 0x1FF])) != 0
    }

    /// A coefficient is significant from this plane on: its sign is decoded (D.3.2) and its neighbours are told.
    #[inline]
    fn appear(&mut self, place: u32, decoder: &mut Decoder<'_>) {
        let (column, row) = ((place as usize / 4) % COLUMNS, place % 4);
        let around = self.around[1][column + 1] >> (3 * row);
        let coded = SIGN[(around & 0xAA | around >> 33 & 0x55) as usize];
        let negative = decoder.bit(usize::from(coded & 0x7F)) ^ u32::from(coded >> 7);
        self.values[place as usize & 63] = 3 << (self.plane - 1) | negative << 31;
        self.significant |= 1 << place;
        let mark = 1 | u64::from(negative) << 32;
        let mut tell = |stripe: usize, row: u32| {
            let around = &mut self.around[stripe][column..column + 3];
            around[0] |= mark << (3 * row + 2);
            around[1] |= mark << (3 * row + 1);
            around[2] |= mark << (3 * row);
        };
        tell(1, row + 1);
        if row == 0 {
            tell(0, 5);
        }
        if row == 3 {
            tell(2, 0);
        }
    }
}
